"""The art-pixel grid laid over a picture of any size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.sprite import Pixels, to_cells

Cuts = NDArray[np.float64]
"""(cells + 1,) pixels from the picture's edge, increasing: where cells begin and end. The outer two may lie outside."""


ROUNDING = 1e-6
"""Pixels: a place that is a pixel's edge in exact arithmetic counts to the pixel behind it."""

FLAT = 8.0
"""Mean difference of an edge's cells from their median, of 255, up to which it is of one colour."""

FAR = 0.25
"""Share of the wanted number of cells by which another number may differ for its cells to be kept as they are."""


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
    """Cells cut off at the edges, or those of the edges repeated, to rows x columns: no cell changes its shape.

    At the edge that is of one colour, background most likely, where only one of two is; else at both, equally.
    """
    for axis, wanted in enumerate((rows, columns)):
        first, last = 0, cells.shape[axis] - 1
        before = after = 0
        while last - first + 1 > wanted:
            at_first = _at_first(cells, axis, (first, last), first < cells.shape[axis] - 1 - last)
            first, last = first + at_first, last - (not at_first)
        while last - first + 1 + before + after < wanted:
            at_first = _at_first(cells, axis, (first, last), before < after)
            before, after = before + at_first, after + (not at_first)
        cells = cells.take([first] * before + list(range(first, last + 1)) + [last] * after, axis=axis)
    return cells


def _at_first(cells: Pixels, axis: int, edges: tuple[int, int], otherwise: bool) -> bool:
    """Whether the first edge is the one of one colour; `otherwise` where both are, or neither."""
    lines = cells.take(edges, axis=axis).swapaxes(0, axis).astype(np.int16)
    flat = np.abs(lines - np.median(lines, axis=1, keepdims=True)).mean(axis=(1, 2)) <= FLAT
    return bool(flat[0]) if flat[0] != flat[1] else otherwise


def brought_to(cells: Pixels, own: Grid, wanted: Grid) -> Pixels:
    """As many cells of a picture's own grid as another one has: fitted, or resampled where far more or fewer."""
    far = any(abs(have - want) > want * FAR for have, want in zip(own.shape, wanted.shape, strict=True))
    return resampled(cells, own, wanted) if far else fitted(cells, *wanted.shape)


def _inside(cuts: Cuts, side: int) -> NDArray[np.intp]:
    """(cells x pixels per cell,) the pixels along one side that stand for each cell, equally many for each."""
    size = max(1, round((cuts[-1] - cuts[0]) / (len(cuts) - 1)))
    start, end = cuts[:-1].clip(0, side), cuts[1:].clip(0, side)
    middles = start[:, None] + (end - start)[:, None] * (np.arange(size) + 0.5) / size
    return np.asarray(np.clip((middles + ROUNDING).astype(np.intp), 0, side - 1).reshape(-1))
