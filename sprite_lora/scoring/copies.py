"""Is a picture a copy of a training sprite?"""

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import EpochMetric

Lab = NDArray[np.float64]


def figure_mask(cells: NDArray[np.intp], rim: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Cells of a sprite that are not in its background's colour, the most frequent one of its rim.

    `cells` are palette indices (art_pixels, art_pixels), `rim` those of the rim. All cells where that leaves less
    than a tenth, as in a sprite whose figure has the background's colour.
    """
    figure = cells != np.bincount(rim).argmax()
    return figure if figure.mean() >= 0.1 else np.ones_like(figure)


def distances(cells_lab: Lab, sprites: Lab, figures: NDArray[np.bool_], tolerance: float) -> NDArray[np.float64]:
    """To each training sprite: the share of its figure's cells that the picture draws in another colour, 0 to 1.

    `sprites` is (sprites, art_pixels, art_pixels, 3), `figures` (sprites, art_pixels, art_pixels). Only the figure
    counts, so that a memorised face before another background is still a copy. Cells differ beyond `tolerance` (OKLab).
    """
    differs = np.linalg.norm(sprites - cells_lab, axis=-1) > tolerance
    return np.asarray((differs & figures).sum(axis=(1, 2)) / figures.sum(axis=(1, 2)))


def copied(distance: float, limit: float) -> float:
    """How much of a copy: 1 = cell for cell, falling to 0 at `limit` and beyond."""
    return max(0.0, 1 - distance / limit) if limit > 0 else float(distance == 0)


COPIES = EpochMetric[None](
    name="copies",
    label="fewer copies of training sprites",
    sentence="{share:.0%} of its pictures, by how close they are, are training sprites: the LoRA memorises; "
    "more sprites, fewer epochs or a lower network_dim help",
    cost="of an epoch: pictures that are copies of training sprites",
    weight=0.5,
    measure=lambda verdicts, _learned: float(np.mean([verdict.copies for verdict in verdicts])),
)
