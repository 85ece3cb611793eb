"""A sprite: a square picture of art_pixels x art_pixels cells, stored as it is or enlarged by a whole factor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sprite_lora.core.errors import SpriteLoraError

Pixels = NDArray[np.uint8]

BAND = 1 << 20
"""Pixels laid on a background at once, to hold no large picture several times in memory."""


def composite(image: Image.Image, background: tuple[int, int, int]) -> Pixels:
    """An RGB or RGBA picture over a solid colour: HxWx3 bytes, rounded half up; opaque pixels stay as they are."""
    pixels = np.asarray(image)
    if pixels.shape[2] == 3:
        return pixels
    if pixels[..., 3].min() == 255:
        return np.ascontiguousarray(pixels[..., :3])
    result = np.empty((*pixels.shape[:2], 3), dtype=np.uint8)
    rows = max(1, BAND // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        rgba = pixels[start : start + rows].astype(np.uint32)
        alpha = rgba[..., 3:]
        over = rgba[..., :3] * alpha + np.array(background, dtype=np.uint32) * (255 - alpha)
        result[start : start + rows] = (over * 2 + 255) // 510
    return result


def to_cells(image: Pixels, rows: int, columns: int | None = None) -> Pixels:
    """HxWx3 bytes to rows x columns x 3: the median of each cell, channel by channel (the lower of two).

    Where more than half of a cell is one colour, the median is that colour, so clean art comes back exactly and
    single stray pixels vanish; on drawn pictures it is robust to ringing at the cells' borders. As many columns as
    rows where they are left out. H and W must be whole multiples of these: raises SpriteLoraError otherwise.
    """
    columns = rows if columns is None else columns
    height, width = image.shape[:2]
    if height % rows or width % columns or not height or not width:
        raise SpriteLoraError(f"a picture of {width}x{height} pixels has no {columns}x{rows} cells of whole pixels")
    down, across = height // rows, width // columns
    middle = (down * across - 1) // 2
    cells = np.empty((rows, columns, 3), dtype=np.uint8)
    for row, strip in zip(cells, image.reshape(rows, down, columns, across, 3), strict=True):
        # numpy partitions numbers of 32 bits seven times as fast as bytes.
        flat = np.array(strip.transpose(1, 3, 0, 2), dtype=np.uint32, order="C").reshape(columns, 3, down * across)
        flat.partition(middle, axis=2)
        row[...] = flat[..., middle]
    return cells


def enlarge(cells: Pixels, factor: int) -> Pixels:
    """Each pixel to a factor x factor block: nearest neighbour, exact."""
    return cells.repeat(factor, axis=0).repeat(factor, axis=1)


@dataclass(frozen=True)
class Snapped:
    """A sprite at one pixel per cell, and how many pixels of the file were not their cell's colour."""

    cells: Pixels
    off_grid: int
    pixels: int

    @property
    def share(self) -> float:
        """Off-grid pixels as a share of all, 0 to 1."""
        return self.off_grid / self.pixels


def grid_factor(width: int, height: int, art_pixels: int) -> int | None:
    """Pixels per cell side of a square picture of whole cells; None where there is no such factor."""
    return width // art_pixels if width == height and width and width % art_pixels == 0 else None


def snap(image: Pixels, art_pixels: int) -> Snapped:
    """Each cell to its most frequent colour (on a tie the darkest code), counting the pixels that differ from it.

    `image` is HxWx3 bytes with H = W, a whole multiple of art_pixels (see `grid_factor`). Unlike `to_cells` it never
    invents a colour that the cell does not hold.
    """
    factor = grid_factor(image.shape[1], image.shape[0], art_pixels)
    assert factor is not None, "callers ask grid_factor first"
    cells = image.reshape(art_pixels, factor, art_pixels, factor, 3)
    snapped = cells[:, 0, :, 0].copy()
    rows = image.reshape(art_pixels, factor, -1)
    if (rows == rows[:, :1]).all() and (cells[:, 0] == snapped[:, :, None]).all():
        # Clean art, checked a row at a time: a fifth of the time of what follows.
        return Snapped(snapped, 0, image.shape[0] * image.shape[1])
    mixed = (cells != snapped[:, None, :, None]).any(axis=(1, 3, 4))
    off_grid = 0
    for row, column in np.argwhere(mixed):
        colours, counts = np.unique(pack(cells[row, :, column]), return_counts=True)
        snapped[row, column] = unpack(colours[counts.argmax()])
        off_grid += int(counts.sum() - counts.max())
    return Snapped(snapped, off_grid, image.shape[0] * image.shape[1])


def pack(rgb: Pixels) -> NDArray[np.uint32]:
    """Bytes (..., 3) to 0xrrggbb."""
    return np.asarray(rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32), dtype=np.uint32)


def unpack(codes: NDArray[np.uint32]) -> Pixels:
    """0xrrggbb to bytes (..., 3)."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
