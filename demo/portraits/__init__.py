"""Draw and caption the sample set."""
