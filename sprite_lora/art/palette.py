"""The colours of a small picture, with those merged that the eye can't tell apart."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import oklab

MOST_HELD = 1024
"""Colours whose distances are all held at once; a noisy picture of 128 x 128 cells has 16,384."""


class Palette(NamedTuple):
    """Colours by how many cells they cover, most first, and which of them each cell has."""

    colours: NDArray[np.uint8]
    """(colours, 3) sRGB."""

    counts: NDArray[np.int64]
    """(colours,) cells that have the colour."""

    cells: NDArray[np.intp]
    """(height, width) index into `colours`."""

    def picture(self) -> NDArray[np.uint8]:
        """(height, width, 3) sRGB: every cell in its colour of the palette."""
        return self.colours[self.cells]

    def covering(self, share: float) -> int:
        """How many colours, most used first, it takes to cover at least `share` (0 to 1) of the cells."""
        covered = np.cumsum(self.counts)
        return int(np.searchsorted(covered, share * covered[-1] - 1e-9)) + 1


def palette_of(cells: NDArray[np.uint8], tolerance: float) -> Palette:
    """Merge near-identical colours of a (height, width, 3) sRGB picture.

    Greedy cover: the colour with the most cells within `tolerance` (Euclidean OKLab; 0.02 is about the smallest
    difference that the eye sees) takes all of them, then the next, until none is left. A group is shown in the
    per-channel median of its cells, which is the drawn colour wherever one colour holds the majority; so a picture
    that has few colours keeps exactly those. Independent of the order of the cells.
    """
    colours, index, counts = np.unique(cells.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    group = _groups(oklab(colours), counts, tolerance)[index.reshape(-1)]
    size = np.bincount(group)
    shown = _medians(cells.reshape(-1, 3), group, size)
    order = np.argsort(-size, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return Palette(shown[order], size[order].astype(np.int64), rank[group].reshape(cells.shape[:2]))


def _groups(lab: NDArray[np.float64], counts: NDArray[np.intp], tolerance: float) -> NDArray[np.intp]:
    def near(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """1 for each of all colours that is within `tolerance` of one of `rows`, else 0: (rows, colours)."""
        squares = [(lab[rows, axis][:, None] - lab[:, axis]) ** 2 for axis in range(3)]
        return np.asarray(np.sqrt(squares[0] + squares[1] + squares[2]) <= tolerance, dtype=np.float32)

    everything = np.arange(len(lab))
    held = near(everything) if len(lab) <= MOST_HELD else None
    group = np.full(len(lab), -1, dtype=np.intp)
    weight = counts.astype(np.float32)  # whole numbers, whose sums it holds exactly
    mass = np.concatenate([(near(rows) if held is None else held[rows]) @ weight for rows in _blocks(everything)])
    number = 0
    while (mass > 0).any():
        best = mass.argmax()
        taken = (near(np.array([best]))[0] if held is None else held[best]) * mass > 0
        group[taken] = number
        for rows in _blocks(np.flatnonzero(taken)):
            mass -= weight[rows] @ (near(rows) if held is None else held[rows])
        mass[taken] = 0
        number += 1
    return group


def _blocks(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return np.array_split(rows, -(-len(rows) // 256))


def _medians(colours: NDArray[np.uint8], group: NDArray[np.intp], size: NDArray[np.intp]) -> NDArray[np.uint8]:
    # The lower median: always a value that was drawn, never a mean of two.
    middle = np.cumsum(size) - size + (size - 1) // 2
    return np.stack([channel[np.lexsort((channel, group))[middle]] for channel in colours.T], axis=1)
