"""A guard: a black or flat picture would please every metric."""

import numpy as np
from numpy.typing import NDArray

Lab = NDArray[np.float64]


def spread(cells_lab: Lab) -> float:
    """Mean OKLab distance of the cells from their median colour: 0 = flat, black or empty."""
    flat = cells_lab.reshape(-1, 3)
    return float(np.linalg.norm(flat - np.median(flat, axis=0), axis=1).mean())


def alive(spread: float, least: float) -> float:
    """Factor on a picture's score: 0 up to a tenth of the least spread of a training sprite, 1 from half of it on."""
    return float(np.clip((spread / least - 0.1) / 0.4, 0, 1)) if least > 0 else float(spread > 0)
