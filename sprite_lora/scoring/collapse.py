"""Guards: a black, flat or ever-same picture would please every other metric."""

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


def difference(pictures: Lab) -> float:
    """Mean OKLab distance between two pictures, cell by cell, over all pairs of (pictures, cells, 3); needs two."""
    first, second = np.triu_indices(len(pictures), k=1)
    pairs = [np.linalg.norm(pictures[a] - pictures[b], axis=-1).mean() for a, b in zip(first, second, strict=True)]
    return float(np.mean(pairs))


def sameness(difference: float, usual: float) -> float:
    """How far an epoch draws one picture whatever the prompt: 1 = identical, 0 from a third of the usual difference on.

    `usual` is the difference between training sprites. Prompts that resemble one another are no fault, hence a third.
    """
    return float(np.clip(1 - 3 * difference / usual, 0, 1)) if usual > 0 else 0.0
