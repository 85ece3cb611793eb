"""What the training sprites are like: the ruler that drawn pictures are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.background import rim
from sprite_lora.scoring.coarse import coarse
from sprite_lora.scoring.collapse import difference, spread
from sprite_lora.scoring.copies import distances, figure_mask
from sprite_lora.scoring.detail import contours, detail
from sprite_lora.scoring.layout import leave_one_out
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.stray import stray
from sprite_lora.scoring.view import View

T = TypeVar("T")

MOST_PAIRS = 64
"""Sprites, evenly picked, whose pairs give the usual difference; all pairs of a large set would take minutes."""


@dataclass(frozen=True)
class Usual:
    """What the training sprites have: from the least that any has to what all but a few stay below."""

    low: float
    high: float

    def typical(self, value: float, unit: float = 0.0) -> float:
        """1 inside the range; outside, how many times too large or too small: twice is 1/2, four times is 1/4.

        `unit` is added to both sides, for measures whose usual value is near 0.
        """
        value, low, high = value + unit, self.low + unit, self.high + unit
        if low <= value <= high:
            return 1.0
        return high / value if value > high else value / low


@dataclass(frozen=True)
class Training:
    """Measured once on the training sprites."""

    stems: tuple[str, ...]
    lab: NDArray[np.float64]
    """(sprites, art_pixels, art_pixels, 3) OKLab of the cells."""
    figures: NDArray[np.bool_]
    """(sprites, art_pixels, art_pixels): which cells are not background."""
    colours_95: Usual
    """Colours that cover 95 % of the cells."""
    colours_99: Usual
    detail: Usual
    """Share of neighbouring cells that differ."""
    contours: NDArray[np.float64]
    """(places,) how often sprites have a contour between two neighbouring cells, 0 to 1."""
    layout: float
    """Correlation with the others' contours that all but a few sprites reach."""
    coarse: float
    """How far contours keep to every k-th grid line in all but a few sprites, 0 to 1."""
    stray: Usual
    """Share of cells; from 0, as no strays are no fault."""
    least_spread: float
    """OKLab; the least that any sprite has."""
    difference: float
    """OKLab; mean between two sprites."""
    nearest: NDArray[np.float64]
    """(sprites,) each sprite's distance to the nearest other one, share of figure cells."""
    copy_limit: float
    """A picture nearer than this to a sprite is a copy, share of figure cells."""

    def nearest_sprite(self, cells_lab: NDArray[np.float64], tolerance: float) -> tuple[float, str]:
        """Distance to the nearest training sprite (share of its figure's cells that differ), and its stem."""
        found = distances(cells_lab, self.lab, self.figures, tolerance)
        return float(found.min()), self.stems[int(found.argmin())]


def training(stems: Sequence[str], views: Sequence[View], score: Score) -> Training:
    """Measure two or more training sprites, seen at any size: only their cells count here."""
    assert len(stems) == len(views) >= 2
    lab = np.array([view.cells_lab for view in views])
    figures = np.array([figure_mask(view.palette.cells, rim(view.palette.cells)) for view in views])
    drawn = np.array([contours(cells, score.tolerance) for cells in lab])
    between = np.array([distances(cells, lab, figures, score.copy_tolerance) for cells in lab])
    np.fill_diagonal(between, np.inf)
    nearest = between.min(axis=1)
    return Training(
        stems=tuple(stems),
        lab=lab,
        figures=figures,
        colours_95=_usual([view.palette.covering(0.95) for view in views], score.usual_share),
        colours_99=_usual([view.palette.covering(0.99) for view in views], score.usual_share),
        detail=_usual([detail(one) for one in drawn], score.usual_share),
        contours=drawn.mean(axis=0),
        layout=float(np.quantile(leave_one_out(drawn), 1 - score.usual_share)),
        coarse=float(np.quantile([coarse(one, lab.shape[1]) for one in drawn], score.usual_share)),
        stray=Usual(0.0, _usual([stray(cells, score.tolerance) for cells in lab], score.usual_share).high),
        least_spread=min(spread(cells) for cells in lab),
        difference=difference(np.array(evenly(list(lab), MOST_PAIRS))),
        nearest=nearest,
        copy_limit=score.copy_limit * float(np.median(nearest)),
    )


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, evenly picked, the first and the last among them."""
    picked = np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)
    return [items[number] for number in dict.fromkeys(picked.tolist())]


def _usual(values: Sequence[float], share: float) -> Usual:
    return Usual(float(min(values)), float(np.quantile(np.array(values, dtype=np.float64), share)))
