"""One picture as the metrics see it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import oklab
from sprite_lora.art.grid import brought_to, cells_of, even_grid
from sprite_lora.art.grid_find import FoundGrid, found_on
from sprite_lora.art.grid_steps import Walk, walk
from sprite_lora.art.palette import Palette, palette_of
from sprite_lora.art.sprite import Pixels
from sprite_lora.scoring.contours import contours


@dataclass(frozen=True, eq=False)
class View:
    """A drawn picture: its pixels, its art pixels ("cells"), and the prompt that asked for it."""

    walk: Walk
    """How colours change from pixel to pixel."""

    found: FoundGrid
    """The grid that it is drawn on."""

    cells: Pixels
    """(art_pixels, art_pixels, 3) sRGB, the median colour of each cell.

    Of a picture with another number of cells: brought to this number, as `finish` does (art.grid.brought_to).
    """

    cells_lab: NDArray[np.float64]
    """(art_pixels, art_pixels, 3) OKLab of the cells."""

    palette: Palette
    """The colours of the cells, near-identical ones merged."""

    contours: NDArray[np.bool_]
    """(places,) where two neighbouring cells differ."""

    prompt: str

    @property
    def art_pixels(self) -> int:
        """Cells per side."""
        return len(self.cells)


def view(pixels: Pixels, prompt: str, art_pixels: int, tolerance: float) -> View:
    """Look at (height, width, 3) sRGB bytes, of any height and width, as cells; art_pixels x art_pixels are expected.

    `tolerance` is the OKLab distance below which two colours count as one.
    """
    seen = walk(pixels, art_pixels, art_pixels)
    found = found_on(seen, (art_pixels, art_pixels))
    cells = cells_of(pixels, found.grid)
    if found.kind == "other":
        cells = brought_to(cells, found.grid, even_grid(pixels.shape[0], pixels.shape[1], art_pixels, art_pixels))
    lab = oklab(cells)
    return View(seen, found, cells, lab, palette_of(cells, tolerance), contours(lab, tolerance), prompt)
