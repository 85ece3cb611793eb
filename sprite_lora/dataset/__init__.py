"""Sprites with captions: the captions' grammar, CLIP tokens, regularisation pictures, and the checks on all of them."""
