"""Select the best epoch."""
