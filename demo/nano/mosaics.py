"""Pictures with hard edges for the autoencoder alone: mosaics of 8-pixel blocks and random rectangles.

The U-Net and the text encoder never see these; the autoencoder has to carry them, since a LoRA can't teach it.
All pictures are float32, shape (3, size, size), in [-1, 1].
"""

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
CELL = 8


def mosaic(rng: np.random.Generator, size: int) -> Picture:
    """Blocks of 8 pixels on the latent grid: a small palette laid out in patches, with single cells of other colours.

    Patches come from thresholded sums of waves, so that outlines wander as in a sprite; `loose` is the share of
    cells that take any palette colour, from none (large flat areas) to all (white noise).
    """
    cells = size // CELL
    palette = rng.uniform(-1.0, 1.0, (rng.integers(2, 13), 3))
    if rng.random() < 0.5:  # Shades of few hues, as in hair and skin: neighbours differ little.
        palette = palette[:2].repeat(len(palette) // 2 + 1, axis=0) + rng.normal(
            0.0, 0.15, (len(palette) // 2 * 2 + 2, 3)
        )
    rows, columns = np.mgrid[0:cells, 0:cells]
    field = np.zeros((cells, cells))
    for _ in range(4):
        across, down, phase = *rng.normal(0.0, 0.5, 2), rng.uniform(0.0, 6.28)
        field += np.sin(across * columns + down * rows + phase)
    index = np.floor((field + 4.0) / 8.0 * len(palette)).astype(int).clip(0, len(palette) - 1)
    loose = rng.random((cells, cells)) < rng.choice([0.0, 0.1, 0.4, 1.0])
    index = np.where(loose, rng.integers(0, len(palette), (cells, cells)), index)
    colours = palette[index].clip(-1.0, 1.0)
    return np.kron(colours.transpose(2, 0, 1), np.ones((1, CELL, CELL))).astype(np.float32)


def rectangles(rng: np.random.Generator, size: int) -> Picture:
    """Flat rectangles with hard edges anywhere, off the grid of blocks."""
    picture = np.empty((3, size, size), np.float32)
    picture[:] = rng.uniform(-1.0, 1.0, (3, 1, 1))
    for _ in range(rng.integers(2, 10)):
        top, left = rng.integers(-8, size - 4, 2)
        height, width = rng.integers(6, size // 2, 2)
        picture[:, max(top, 0) : top + height, max(left, 0) : left + width] = rng.uniform(-1.0, 1.0, (3, 1, 1))
    return picture
