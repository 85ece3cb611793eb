"""What is known of one judged picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.things.answer import Answer


@dataclass(frozen=True)
class Verdict:
    """One picture, judged."""

    score: float
    """0 to 10."""
    measured: Mapping[str, float]
    """Each in its own unit."""
    qualities: Mapping[str, float]
    """By the metric's name, 0 to 1."""
    copies: float
    """How much of a copy of a training sprite, 0 to 1."""
    nearest: float
    """Distance to the nearest training sprite: share of its figure's cells that differ."""
    nearest_stem: str
    nearest_how: str
    """How it is a copy of that sprite: `mirrored`, `shifted`, `recoloured`, or several; empty where none of these."""
    named: tuple[Answer, ...]
    """What the prompt names, and whether the picture shows it."""
    cells_lab: NDArray[np.float64]
    """(art_pixels, art_pixels, 3) OKLab, to compare pictures with one another."""
