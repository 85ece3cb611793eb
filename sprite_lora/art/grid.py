"""The art-pixel grid laid over a picture of any size."""

import numpy as np

from sprite_lora.art.sprite import Pixels, to_cells


def cell_colours(image: Pixels, art_pixels: int) -> Pixels:
    """HxWx3 bytes to art_pixels x art_pixels x 3: each cell's median colour, as `to_cells`, for any H and W.

    Where a side is no whole multiple of art_pixels, the picture is first resampled (nearest neighbour, so no colours
    are mixed) to the nearest whole multiple: the grid then has cells of H / art_pixels pixels, as a picture at 512
    pixels has cells of 21.3.
    """
    rows, columns = (_positions(length, art_pixels) for length in image.shape[:2])
    return to_cells(image[rows][:, columns], art_pixels)


def _positions(length: int, art_pixels: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    whole = max(1, round(length / art_pixels)) * art_pixels
    return ((np.arange(whole) + 0.5) * length / whole).astype(np.intp)
