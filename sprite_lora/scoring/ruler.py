"""What the training sprites are like: what drawn pictures are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.collapse import spread
from sprite_lora.scoring.copies import Bank, Copy, Limits, bank, limits, nearest
from sprite_lora.scoring.metrics import METRICS
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import evenly, sprites
from sprite_lora.scoring.view import View

MOST_LEFT_OUT = 256
"""Sprites, evenly picked, that are held against all others to learn how near two sprites can be."""


@dataclass(frozen=True)
class Training:
    """Measured once on the training sprites."""

    stems: tuple[str, ...]
    bank: Bank
    """The sprites, to find copies of."""
    learned: Mapping[str, Any]
    """Metric to what its `learn` returned."""
    least_spread: float
    """OKLab; the least that any sprite has."""
    nearest: NDArray[np.float64]
    """(sprites left out,) each one's distance to the nearest other, in its own colours, share of figure cells."""
    copy_limits: Limits
    """A picture nearer than this to a sprite is a copy, share of figure cells."""

    def nearest_sprite(self, view: View) -> Copy:
        """The training sprite that a picture is most of a copy of, or is nearest to."""
        return nearest(self.bank.likenesses(view), self.copy_limits, self.stems)


def training(stems: Sequence[str], views: Sequence[View], scales: Scales) -> Training:
    """Measure two or more training sprites, seen at any size: only their cells count here."""
    seen = sprites(stems, views)
    compared = bank(views, scales.copy_tolerance)
    left_out = evenly(range(len(views)), MOST_LEFT_OUT)
    others = [compared.likenesses(views[number], leave_out=number) for number in left_out]
    return Training(
        stems=seen.stems,
        bank=compared,
        learned={metric.name: metric.learn(seen, scales) for metric in METRICS},
        least_spread=min(spread(cells) for cells in seen.lab),
        nearest=np.array([min(one.plain for one in found) for found in others]),
        copy_limits=limits(others, scales.copy_limit),
    )
