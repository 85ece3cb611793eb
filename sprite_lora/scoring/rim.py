"""Where a sprite's background shows."""

import numpy as np
from numpy.typing import NDArray


def rim(cells: NDArray[np.intp]) -> NDArray[np.intp]:
    """The cells where portraits seldom reach: outer columns of the upper half, outer quarters of the top two rows."""
    side = len(cells)
    row, column = np.indices(cells.shape)
    outermost = np.minimum(column, side - 1 - column)
    seldom = ((row < side // 2) & (outermost < 1)) | ((row < 2) & (outermost < side // 4))
    return np.asarray(cells[seldom])
