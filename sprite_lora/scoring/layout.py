"""Do contours stand where training sprites have them?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites
from sprite_lora.scoring.usual import reach


class Learned(NamedTuple):
    """The layout of the training sprites."""

    contours: NDArray[np.float64]
    """(places,) how often sprites have a contour between two neighbouring cells, 0 to 1."""
    enough: float
    """Correlation with the others' contours that all but a few sprites reach."""


def layout(contours: NDArray[np.bool_], usual: NDArray[np.float64]) -> float:
    """Pearson correlation of a picture's contours with how often training sprites have one there, -1 to 1.

    `contours` as from contours.contours, `usual` their mean over the training sprites. Colours don't count, so a new
    hair colour is no fault; a face that is out of place, garbled, or drowned in texture is. Sprites that share no
    layout correlate little with their own mean, and then little is asked of a picture. 0 without any contours.
    """
    drawn = contours - contours.mean()
    wanted = usual - usual.mean()
    length = float(np.linalg.norm(drawn) * np.linalg.norm(wanted))
    return float(drawn @ wanted) / length if length > 0 else 0.0


def leave_one_out(contours: NDArray[np.bool_]) -> list[float]:
    """Layout of each of two or more training sprites, (sprites, places), against the mean of all the others."""
    total = contours.sum(axis=0)
    return [layout(one, (total - one) / (len(contours) - 1)) for one in contours]


def learn(sprites: Sprites, scales: Scales) -> Learned:
    """The mean contours, and how well a sprite usually fits the others'."""
    enough = float(np.quantile(leave_one_out(sprites.contours), 1 - scales.usual_share))
    return Learned(sprites.contours.mean(axis=0), enough)


LAYOUT = Metric(
    name="layout",
    label="contours where sprites have them",
    fault="layout",
    sentence="contours do not stand where training sprites have them",
    cost="of a picture: contours that stand where no sprite has them",
    weight=0.5,
    measure=lambda view, learned, _scales: {"layout": layout(view.contours, learned.contours)},
    quality=lambda measured, learned, _scales: reach(measured["layout"], learned.enough),
    learn=learn,
)
