"""Are the picture's own pixels larger than the cells? A 12x12 sprite lies on the 24x24 grid, and is none."""

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites
from sprite_lora.scoring.usual import reach

MULTIPLES = (2, 3, 4)
"""Cells per drawn pixel that are looked for; with larger ones there is too little detail to look at."""


def coarse(contours: NDArray[np.bool_], art_pixels: int) -> float:
    """How far contours keep to every 2nd, 3rd or 4th grid line: 1 = all of them do, 0 = as chance has it.

    (share - 1/k) / (1 - 1/k), share being that of the contours on the best k-th lines, of the axis that keeps to them
    less; the largest over k. `contours` as from contours.contours: between rows first, then between columns.
    """
    half = art_pixels * (art_pixels - 1)
    between_rows = contours[:half].reshape(art_pixels - 1, art_pixels).sum(axis=1)
    between_columns = contours[half:].reshape(art_pixels, art_pixels - 1).sum(axis=0)
    lines = [line for line in (between_rows, between_columns) if line.any()]
    if not lines:
        return 0.0
    return max(min((_share(line, k) - 1 / k) / (1 - 1 / k) for line in lines) for k in MULTIPLES)


def _share(line: NDArray[np.intp], every: int) -> float:
    return max(float(line[start::every].sum()) for start in range(every)) / float(line.sum())


def learn(sprites: Sprites, scales: Scales) -> float:
    """How far contours keep to every k-th grid line in all but a few sprites, 0 to 1."""
    return float(np.quantile([coarse(one, sprites.lab.shape[1]) for one in sprites.contours], scales.usual_share))


COARSE = Metric(
    name="coarse",
    label="pixels as fine as the grid",
    fault="coarse",
    sentence="its own pixels are two or more cells wide",
    cost="of a picture: its own pixels are two or more cells wide",
    weight=0.5,
    measure=lambda view, _learned, _scales: {"coarse": coarse(view.contours, view.art_pixels)},
    quality=lambda measured, learned, _scales: reach(1 - measured["coarse"], 1 - learned),
    learn=learn,
)
