"""Say what changed between two runs."""
