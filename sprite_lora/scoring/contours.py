"""Where a picture's cells differ from their neighbours."""

import numpy as np
from numpy.typing import NDArray


def contours(cells_lab: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Where neighbouring cells (up-down, then left-right) differ by more than `tolerance` (OKLab), as one row."""
    steps = [np.linalg.norm(np.diff(cells_lab, axis=axis), axis=2).reshape(-1) for axis in (0, 1)]
    return np.asarray(np.concatenate(steps) > tolerance)
