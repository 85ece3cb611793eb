"""How busy is the picture, as a grid of cells?"""

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites
from sprite_lora.scoring.usual import Usual, usual


def detail(contours: NDArray[np.bool_]) -> float:
    """Share of neighbouring cells that differ, 0 to 1: 0 for a flat picture, 1 for noise.

    Backgrounds that drift or are textured have more than sprites, pictures in blocks of several cells have less.
    """
    return float(contours.mean())


def learn(sprites: Sprites, scales: Scales) -> Usual:
    """The detail that sprites usually have."""
    return usual([detail(one) for one in sprites.contours], scales.usual_share, unit=sprites.one_cell)


DETAIL = Metric(
    name="detail",
    label="as much detail as the training sprites have",
    fault="detail",
    sentence="{detail:.0%} of neighbouring cells differ; training sprites have {least:.0%} to {most:.0%}",
    cost="of a picture: busier or emptier than training sprites are",
    weight=0.4,
    measure=lambda view, _learned, _scales: {"detail": detail(view.contours)},
    quality=lambda measured, learned, _scales: learned.typical(measured["detail"]),
    learn=learn,
    figures=lambda learned: {"least": learned.low, "most": learned.high},
)
