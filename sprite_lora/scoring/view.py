"""One picture as the metrics see it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import oklab
from sprite_lora.art.grid import cell_colours
from sprite_lora.art.palette import Palette, palette_of
from sprite_lora.art.sprite import Pixels
from sprite_lora.scoring.contours import contours


@dataclass(frozen=True, eq=False)
class View:
    """A drawn picture: every pixel, its art pixels ("cells"), and the prompt that asked for it."""

    lab: NDArray[np.float64]
    """(height, width, 3) OKLab of every pixel."""

    cells: Pixels
    """(art_pixels, art_pixels, 3) sRGB, the median colour of each cell."""

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
    """Look at (height, width, 3) sRGB bytes as a grid of art_pixels x art_pixels cells; any height and width.

    `tolerance` is the OKLab distance below which two colours count as one.
    """
    cells = cell_colours(pixels, art_pixels)
    lab = oklab(cells)
    return View(oklab(pixels), cells, lab, palette_of(cells, tolerance), contours(lab, tolerance), prompt)
