"""Single cells that belong to nothing around them."""

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites
from sprite_lora.scoring.usual import Usual, usual

NEIGHBOURS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]


def stray(cells_lab: NDArray[np.float64], tolerance: float) -> float:
    """Share of cells that differ by more than `tolerance` (OKLab) from all of their up to eight neighbours, 0 to 1.

    An eye's highlight or an ear-ring is one too, so the share is held against the training sprites', not against 0.
    """
    height, width = cells_lab.shape[:2]
    nearest = np.full((height, width), np.inf)
    for down, right in NEIGHBOURS:
        here = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
        there = slice(max(0, down), height - max(0, -down)), slice(max(0, right), width - max(0, -right))
        gap = np.linalg.norm(cells_lab[here] - cells_lab[there], axis=2)
        nearest[here] = np.minimum(nearest[here], gap)
    return float((nearest > tolerance).mean())


def learn(sprites: Sprites, scales: Scales) -> Usual:
    """The share that sprites usually have, from 0 on: no strays are no fault."""
    high = usual([stray(cells, scales.tolerance) for cells in sprites.lab], scales.usual_share).high
    return Usual(0.0, high, unit=sprites.one_cell)


STRAY = Metric(
    name="stray",
    label="fewer stray cells",
    fault="stray cells",
    sentence="{stray:.1%} of the cells stand alone",
    cost="of a picture: more single stray cells than training sprites have",
    weight=0.3,
    measure=lambda view, _learned, scales: {"stray": stray(view.cells_lab, scales.tolerance)},
    quality=lambda measured, learned, _scales: learned.typical(measured["stray"]),
    learn=learn,
)
