"""Regularisation pictures of other sizes, made as large as sd-scripts makes them where latents are cached.

library/train_util.py `BucketManager.select_bucket`, `trim_and_resize_if_required` and library/utils.py `resize_image`,
v0.10.1: resized to cover the square, then cut to its middle.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""(height, width, 3)."""
Sizes = tuple[int, int, int, int, int, int]
"""Six numbers that SDXL reads of each picture."""


def covered(pixels: Pixels, side: int) -> Pixels:
    """The picture (side, side, 3): smaller sides are enlarged with Lanczos' filter, else areas are averaged."""
    height, width = pixels.shape[:2]
    scale = side / min(width, height)
    wide, high = int(width * scale + 0.5), int(height * scale + 0.5)
    if (wide, high) != (width, height):
        shrinks = width >= wide and height >= high
        pixels = area(pixels, wide, high) if shrinks else lanczos(pixels, wide, high)
    left, top = (wide - side) // 2, (high - side) // 2
    return pixels[top : top + side, left : left + side]


def lanczos(pixels: Pixels, width: int, height: int) -> Pixels:
    """Pillow's, as sd-scripts."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def area(pixels: Pixels, width: int, height: int) -> Pixels:
    """Mean over the area that each new pixel covers, pixels at its edge in part: OpenCV's INTER_AREA for shrinking.

    It is OpenCV's to the bit where sides shrink by whole factors (a half is rounded up at factor 2, else to even); else
    up to 1.3 values of a thousand differed by 1 of 255: OpenCV adds up in float32.
    """
    rows, columns = shares(pixels.shape[0], height), shares(pixels.shape[1], width)
    mean = np.einsum("ir,rcx,jc->ijx", rows, pixels.astype(np.float64), columns, optimize=True)
    halved = pixels.shape[:2] == (2 * height, 2 * width)
    rounded: NDArray[np.float64] = np.floor(mean + 0.5) if halved else np.rint(mean)
    return rounded.astype(np.uint8)


def shares(old: int, new: int) -> NDArray[np.float64]:
    """(new, old): the share that each old pixel has in each new one, along one side; rows add up to 1."""
    edges = np.arange(new + 1) * (old / new)
    starts = np.arange(old)
    ends = np.minimum(edges[1:, None], starts + 1)
    shared: NDArray[np.float64] = np.clip(ends - np.maximum(edges[:-1, None], starts), 0, None) * (new / old)
    return shared


def sizes(width: int, height: int, side: int) -> Sizes:
    """What SDXL is told of a picture: original height and width, top and left of the cut, target height and width.

    The cut is sd-scripts' (`BucketManager.get_crop_ltrb`), which is that of a picture laid into the square.
    """
    ratio = width / height
    wide, high = (side * ratio, float(side)) if ratio < 1 else (float(side), side / ratio)
    return height, width, int((side - high) // 2), int((side - wide) // 2), side, side
