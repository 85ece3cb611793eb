"""Pixel art: sprites, the grid, palettes, colours, and finishing a drawn picture as a true sprite."""
