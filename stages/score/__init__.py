"""Score pictures and epochs."""
