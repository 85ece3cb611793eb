"""The training sprites as the metrics learn from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.view import View

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Sprites:
    """Two or more training sprites, seen at any size: only their cells count."""

    stems: tuple[str, ...]
    views: tuple[View, ...]
    lab: NDArray[np.float64]
    """(sprites, art_pixels, art_pixels, 3) OKLab of the cells."""
    contours: NDArray[np.bool_]
    """(sprites, places): where two neighbouring cells differ."""

    @property
    def one_cell(self) -> float:
        """One cell, as a share of all cells of a sprite."""
        return 1 / self.lab[0, :, :, 0].size


def sprites(stems: Sequence[str], views: Sequence[View]) -> Sprites:
    """Gather the views of two or more sprites."""
    assert len(stems) == len(views) >= 2
    lab = np.array([view.cells_lab for view in views])
    return Sprites(tuple(stems), tuple(views), lab, np.array([view.contours for view in views]))


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, evenly picked, the first and the last among them."""
    picked = np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)
    return [items[number] for number in dict.fromkeys(picked.tolist())]
