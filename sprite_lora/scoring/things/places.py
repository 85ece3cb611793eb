"""Sprites and pictures at a bounded number of places, for what is learned of each place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.word_fit import word_fits

Array = NDArray[np.float32]

MOST_PLACES = 32
"""Per side. Sprites of more cells are looked at in as many evenly spaced ones."""

NEAR = 0.06
"""OKLab distance: how far colours may lie apart to count as alike, exp(-distance^2 / (2 NEAR^2))."""


def places(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., height, width, 3) to (..., places, 3)."""
    height, width = (_evenly(length) for length in lab.shape[-3:-1])
    picked = lab[..., height[:, None], width[None], :]
    return picked.reshape(*lab.shape[:-3], -1, 3)


def _evenly(length: int) -> NDArray[np.intp]:
    number = min(length, MOST_PLACES)
    return ((np.arange(number) + 0.5) * length / number).astype(np.intp)


@dataclass(frozen=True)
class Fits:
    """How well each colour word fits at each place."""

    colour: NDArray[np.intp]
    """(pictures, places): row of `table`."""
    table: Array
    """(colours, words) of `word_fit.WORDS`, 0 to 1."""

    @classmethod
    def of(cls, lab: NDArray[np.float64]) -> "Fits":
        """Of (pictures, places, 3) OKLab."""
        colours, found = np.unique(lab.reshape(-1, 3), axis=0, return_inverse=True)
        return cls(found.reshape(lab.shape[:2]), word_fits(colours).astype(np.float32))

    def at(self, weights: Array) -> Array:
        """(pictures, places): the fit of a mixture of words, (words,) or one for each picture, (pictures, words)."""
        if weights.ndim == 1:
            return (self.table @ weights)[self.colour]
        return np.stack([(self.table @ one)[colour] for one, colour in zip(weights, self.colour, strict=True)])

    def over(self, where: Array) -> Array:
        """(pictures, words): the mean fit over the places, weighted by `where`, (places,)."""
        used = np.flatnonzero(where)
        return np.stack([where[used] @ self.table[colour[used]] for colour in self.colour])


def likeness(lab: NDArray[np.float64], others: NDArray[np.float64]) -> Array:
    """(pictures, places, 3) and (others, places, 3) OKLab to (pictures, others, places): how alike, 0 to 1."""
    first, second = lab.astype(np.float32), others.astype(np.float32)
    return np.stack([np.exp(((second - one) ** 2).sum(axis=2) / np.float32(-2 * NEAR**2)) for one in first])
