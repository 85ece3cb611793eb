"""Where a picture's colours change: one walk over its pixels, summed up per row and per column of pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import oklab_quick
from sprite_lora.art.grid import Cuts, Grid
from sprite_lora.art.sprite import Pixels

LINES_PER_CELL = 7
"""Lines of pixels looked at across each cell, about: enough to see it, a few of those that a large picture has."""

BORDER = 0.1
"""A step this near to a cell border, as a share of the cell's side, lies on it (but always the nearest step)."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """Along one side of L pixels: how much colour changes from each pixel to the next, mean over the lines walked."""

    linear: Vector
    """(L - 1,) OKLab distance; faint changes count."""
    squared: Vector
    """(L - 1,) squared; contours count, faint noise hardly does."""

    @property
    def side(self) -> int:
        """L, pixels."""
        return len(self.linear) + 1


@dataclass(frozen=True)
class Walk:
    """A picture of height x width pixels, walked along every few rows and every few columns."""

    down: Steps
    """From row to row."""
    across: Steps
    """From column to column."""
    lab: NDArray[np.float32]
    """(rows walked, width, 3) OKLab."""
    walked: NDArray[np.intp]
    """(rows walked,) which rows those are."""

    @property
    def both(self) -> tuple[Steps, Steps]:
        """Down, then across, as the axes of a picture."""
        return self.down, self.across


def walk(pixels: Pixels, rows: int, columns: int) -> Walk:
    """Walk HxWx3 sRGB bytes in which about rows x columns cells are expected."""
    height, width = pixels.shape[:2]
    walked, standing = _every_few(height, rows), _every_few(width, columns)
    lab = oklab_quick(pixels[walked])
    return Walk(
        down=_steps(oklab_quick(pixels[:, standing].swapaxes(0, 1))), across=_steps(lab), lab=lab, walked=walked
    )


def _every_few(side: int, cells: int) -> NDArray[np.intp]:
    # An odd distance: what decoders leave behind repeats every 4 or 8 pixels.
    distance = max(1, int(side / cells / LINES_PER_CELL))
    distance -= (distance + 1) % 2
    return np.arange(distance // 2, side, distance)


def _steps(lab: NDArray[np.float32]) -> Steps:
    change = lab[:, 1:] - lab[:, :-1]
    squared = np.einsum("...i,...i->...", change, change)
    return Steps(np.asarray(np.sqrt(squared).mean(axis=0), np.float64), np.asarray(squared.mean(axis=0), np.float64))


def in_cells(places: Vector, cuts: Cuts) -> tuple[Vector, NDArray[np.bool_]]:
    """Places in pixels as cells from the first cut (2.5: the middle of the third cell), and which lie in any cell."""
    return np.interp(places, cuts, np.arange(len(cuts), dtype=np.float64)), (places > cuts[0]) & (places < cuts[-1])


def border_offset(steps: Steps, cuts: Cuts) -> tuple[Vector, NDArray[np.bool_]]:
    """Per step: distance to the nearest cell border, in cells, -0.5 to 0.5; and whether it lies in any cell."""
    place, inside = in_cells(np.arange(1.0, steps.side), cuts)
    return np.asarray(place - np.round(place)), inside


def on_borders(walk: Walk, grid: Grid) -> float:
    """Share of the gradient energy that lies on cell borders, less what chance puts there; 1 = all, 0 = chance.

    Energy is the squared OKLab difference of neighbouring pixels, so that contours count and faint noise hardly does.
    (share - chance) / (1 - chance), chance being the share of pixel steps that are on borders. 0 for a flat picture.
    """
    on = total = 0.0
    chances = []
    for steps, cuts in zip(walk.both, (grid.rows, grid.columns), strict=True):
        offset, inside = border_offset(steps, cuts)
        pixel = (len(cuts) - 1) / (cuts[-1] - cuts[0])
        near = np.abs(offset[inside]) <= max(BORDER, 0.5 * pixel) + 1e-9
        energy = steps.squared[inside]
        on += float(energy[near].sum())
        total += float(energy.sum())
        chances.append(float(near.mean()) if near.size else 1.0)
    chance = sum(chances) / 2
    return (on / total - chance) / (1 - chance) if total > 0 and chance < 1 else 0.0
