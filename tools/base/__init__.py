"""Base models whose weights stay out of the project: their lists, and the weights in this machine's cache."""
