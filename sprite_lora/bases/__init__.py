"""Base models: their families, loading, text encoding, and drawing with them."""
