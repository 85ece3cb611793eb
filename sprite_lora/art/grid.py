"""The art-pixel grid laid over a picture of any size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.sprite import Pixels, to_cells

Cuts = NDArray[np.float64]
"""(cells + 1,) pixels from the picture's edge, increasing: where cells begin and end. The outer two may lie outside."""


ROUNDING = 1e-6
"""Pixels: a place that is a pixel's edge in exact arithmetic counts to the pixel behind it."""


@dataclass(frozen=True)
class Grid:
    """Where a picture is cut into cells; cells need not be whole pixels, nor all of one size."""

    rows: Cuts
    columns: Cuts

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return len(self.rows) - 1, len(self.columns) - 1


def even_grid(height: int, width: int, rows: int, columns: int) -> Grid:
    """A picture of height x width pixels, cut into rows x columns cells of one size."""
    return Grid(np.linspace(0, height, rows + 1), np.linspace(0, width, columns + 1))


def cells_of(image: Pixels, grid: Grid) -> Pixels:
    """HxWx3 bytes to rows x columns x 3: each cell's median colour, as `to_cells`.

    Cells are first resampled (nearest neighbour, so no colours are mixed) to one size of whole pixels. Of a cell that
    lies partly outside of the picture, the part inside counts.
    """
    rows, columns = _inside(grid.rows, image.shape[0]), _inside(grid.columns, image.shape[1])
    return to_cells(image.take(rows, axis=0).take(columns, axis=1), *grid.shape)


def cell_colours(image: Pixels, art_pixels: int) -> Pixels:
    """HxWx3 bytes to art_pixels x art_pixels x 3: the median colours of an even grid's cells, for any H and W.

    Where a side is no whole multiple of art_pixels, cells have H / art_pixels pixels: 21.3 in a picture of 512.
    """
    return cells_of(image, even_grid(image.shape[0], image.shape[1], art_pixels, art_pixels))


def resampled(cells: Pixels, own: Grid, wanted: Grid) -> Pixels:
    """For each cell of the wanted grid, the own cell in which its centre lies, or which is nearest to it."""
    rows, columns = (
        np.clip(np.searchsorted(cuts, (to[1:] + to[:-1]) / 2, side="right") - 1, 0, len(cuts) - 2)
        for cuts, to in ((own.rows, wanted.rows), (own.columns, wanted.columns))
    )
    return cells[rows][:, columns]


def fitted(cells: Pixels, rows: int, columns: int) -> Pixels:
    """Cells cut off on both sides, or those of the edges repeated, to rows x columns: no cell changes its shape."""
    for axis, wanted in enumerate((rows, columns)):
        missing = wanted - cells.shape[axis]
        start = abs(missing) // 2
        if missing < 0:
            cells = cells.take(np.arange(start, start + wanted), axis=axis)
        else:
            width = [(0, 0)] * 3
            width[axis] = (start, missing - start)
            cells = np.pad(cells, width, mode="edge")
    return cells


def _inside(cuts: Cuts, side: int) -> NDArray[np.intp]:
    """(cells x pixels per cell,) the pixels along one side that stand for each cell, equally many for each."""
    size = max(1, round((cuts[-1] - cuts[0]) / (len(cuts) - 1)))
    start, end = cuts[:-1].clip(0, side), cuts[1:].clip(0, side)
    middles = start[:, None] + (end - start)[:, None] * (np.arange(size) + 0.5) / size
    return np.asarray(np.clip((middles + ROUNDING).astype(np.intp), 0, side - 1).reshape(-1))
