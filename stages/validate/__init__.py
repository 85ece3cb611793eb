"""Check captions, sprites, prompts and settings."""
