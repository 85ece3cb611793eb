"""The range of a measure over the training sprites, and how well another value fits it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Usual:
    """What the training sprites have: from the least that any has to what all but a few stay below."""

    low: float
    high: float
    unit: float = 0.0
    """Added to both sides of a comparison, for measures whose usual value is near 0."""

    def typical(self, value: float) -> float:
        """1 inside the range; outside, how many times too large or too small: twice is 1/2, four times is 1/4."""
        value, low, high = value + self.unit, self.low + self.unit, self.high + self.unit
        if low <= value <= high:
            return 1.0
        return high / value if value > high else value / low


def usual(values: Sequence[float], share: float, unit: float = 0.0) -> Usual:
    """From the least value to the one that `share` of them stay below."""
    return Usual(float(min(values)), float(np.quantile(np.array(values, dtype=np.float64), share)), unit)


def reach(value: float, enough: float) -> float:
    """1 from `enough` on, in proportion below, 0 at 0; 1 where nothing is asked."""
    return min(1.0, max(0.0, value / enough)) if enough > 0 else 1.0
