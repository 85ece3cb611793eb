"""A drawn picture as a true sprite: one colour per cell, as few colours as it has."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from sprite_lora.art.grid import brought_to, cells_of, even_grid
from sprite_lora.art.grid_find import FoundGrid, find_grid
from sprite_lora.art.palette import Palette
from sprite_lora.art.sprite import Pixels


class Realigned(NamedTuple):
    """A drawn picture's cells on its own grid, brought to the size of a sprite."""

    cells: Pixels
    """(art_pixels, art_pixels, 3) sRGB."""
    found: FoundGrid

    @property
    def record(self) -> dict[str, object]:
        """What the sprite's record says of the grid; empty where it is as expected, or none is sure."""
        if self.found.kind in ("expected", "unsure"):
            return {}
        rows, columns = self.found.grid.shape
        down, across = (round(value, 1) for value in self.found.period)
        from_top, from_left = (round(value, 1) + 0.0 for value in self.found.phase)
        return {"grid": {"cell": [down, across], "start": [from_top, from_left], "cells": [rows, columns]}}

    @property
    def words(self) -> str:
        """The same as half a sentence; empty likewise."""
        if self.found.kind == "shifted":
            down, across = self.found.phase
            return f"its cells begin {down:.1f} px down and {across:.1f} px across; moved onto the grid"
        if self.found.kind == "other":
            rows, columns = self.found.grid.shape
            size, wanted = f"{self.found.period[1]:.3g} px", f"{len(self.cells)}x{len(self.cells)}"
            return f"drawn with {columns}x{rows} cells of about {size}; brought to {wanted}"
        return ""


def realigned(pixels: Pixels, art_pixels: int) -> Realigned:
    """(height, width, 3) sRGB bytes to art_pixels x art_pixels cells, each in its median colour.

    On the picture's own grid (see `art.grid_find`). A shifted drawing gives the cells of the one that is not shifted.
    One with more cells than wanted loses those at its edges, one with fewer repeats them; where the number is another
    one by more than a quarter, each place takes the cell that lies there.
    """
    found = find_grid(pixels, (art_pixels, art_pixels))
    wanted = even_grid(pixels.shape[0], pixels.shape[1], art_pixels, art_pixels)
    return Realigned(brought_to(cells_of(pixels, found.grid), found.grid, wanted), found)


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
