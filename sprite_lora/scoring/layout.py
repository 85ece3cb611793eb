"""Do contours stand where training sprites have them?"""

import numpy as np
from numpy.typing import NDArray


def layout(contours: NDArray[np.bool_], usual: NDArray[np.float64]) -> float:
    """Pearson correlation of a picture's contours with how often training sprites have one there, -1 to 1.

    `contours` as from detail.contours, `usual` their mean over the training sprites. Colours don't count, so a new hair
    colour is no fault; a face that is out of place, garbled, or drowned in texture is. Sprites that share no layout
    correlate little with their own mean, and then little is asked of a picture. 0 for a picture without contours.
    """
    drawn = contours - contours.mean()
    wanted = usual - usual.mean()
    length = float(np.linalg.norm(drawn) * np.linalg.norm(wanted))
    return float(drawn @ wanted) / length if length > 0 else 0.0


def leave_one_out(contours: NDArray[np.bool_]) -> list[float]:
    """Layout of each of two or more training sprites, (sprites, places), against the mean of all the others."""
    total = contours.sum(axis=0)
    return [layout(one, (total - one) / (len(contours) - 1)) for one in contours]
