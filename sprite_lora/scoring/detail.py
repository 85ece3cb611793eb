"""How busy is the picture, as a grid of cells?"""

import numpy as np
from numpy.typing import NDArray


def contours(cells_lab: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Where neighbouring cells (up-down, then left-right) differ by more than `tolerance` (OKLab), as one row."""
    steps = [np.linalg.norm(np.diff(cells_lab, axis=axis), axis=2).reshape(-1) for axis in (0, 1)]
    return np.asarray(np.concatenate(steps) > tolerance)


def detail(contours: NDArray[np.bool_]) -> float:
    """Share of neighbouring cells that differ, 0 to 1: 0 for a flat picture, 1 for noise.

    Backgrounds that drift or are textured have more than sprites, pictures in blocks of several cells have less.
    """
    return float(contours.mean())
