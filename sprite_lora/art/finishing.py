"""A drawn picture as a true sprite: one colour per cell, as few colours as it has."""

import numpy as np
from PIL import Image

from sprite_lora.art.grid import cell_colours
from sprite_lora.art.palette import Palette, palette_of
from sprite_lora.art.sprite import Pixels


def sprite_of(pixels: Pixels, art_pixels: int, merge: float) -> Palette:
    """(height, width, 3) sRGB bytes to art_pixels x art_pixels cells, colours within `merge` (OKLab) made one.

    Each cell takes its median colour, then near-identical colours take the one that most of their cells are near.
    """
    return palette_of(cell_colours(pixels, art_pixels), merge)


def drawn_colours(pixels: Pixels) -> int:
    """How many different colours a picture has, pixel by pixel."""
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def indexed(sprite: Palette, factor: int) -> Image.Image:
    """The sprite enlarged by a whole factor, nearest neighbour; a palette PNG where it fits, so that editors see it."""
    if len(sprite.colours) > 256:
        return Image.fromarray(sprite.picture().repeat(factor, axis=0).repeat(factor, axis=1))
    image = Image.fromarray(sprite.cells.astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1))
    image.putpalette(sprite.colours.tobytes())
    return image
