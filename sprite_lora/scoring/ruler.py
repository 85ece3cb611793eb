"""What the training sprites are like: what drawn pictures are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.collapse import spread
from sprite_lora.scoring.copies import distances, figure_mask
from sprite_lora.scoring.metrics import METRICS
from sprite_lora.scoring.rim import rim
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import sprites
from sprite_lora.scoring.view import View


@dataclass(frozen=True)
class Training:
    """Measured once on the training sprites."""

    stems: tuple[str, ...]
    lab: NDArray[np.float64]
    """(sprites, art_pixels, art_pixels, 3) OKLab of the cells."""
    figures: NDArray[np.bool_]
    """(sprites, art_pixels, art_pixels): which cells are not background."""
    learned: Mapping[str, Any]
    """Metric to what its `learn` returned."""
    least_spread: float
    """OKLab; the least that any sprite has."""
    nearest: NDArray[np.float64]
    """(sprites,) each sprite's distance to the nearest other one, share of figure cells."""
    copy_limit: float
    """A picture nearer than this to a sprite is a copy, share of figure cells."""

    def nearest_sprite(self, cells_lab: NDArray[np.float64], tolerance: float) -> tuple[float, str]:
        """Distance to the nearest training sprite (share of its figure's cells that differ), and its stem."""
        found = distances(cells_lab, self.lab, self.figures, tolerance)
        return float(found.min()), self.stems[int(found.argmin())]


def training(stems: Sequence[str], views: Sequence[View], scales: Scales) -> Training:
    """Measure two or more training sprites, seen at any size: only their cells count here."""
    seen = sprites(stems, views)
    figures = np.array([figure_mask(view.palette.cells, rim(view.palette.cells)) for view in views])
    between = np.array([distances(cells, seen.lab, figures, scales.copy_tolerance) for cells in seen.lab])
    np.fill_diagonal(between, np.inf)
    nearest = between.min(axis=1)
    return Training(
        stems=seen.stems,
        lab=seen.lab,
        figures=figures,
        learned={metric.name: metric.learn(seen, scales) for metric in METRICS},
        least_spread=min(spread(cells) for cells in seen.lab),
        nearest=nearest,
        copy_limit=scales.copy_limit * float(np.median(nearest)),
    )
