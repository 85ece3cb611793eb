"""One sprite as the trainer will see it: snapped to its cells, enlarged by a whole factor, opaque."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sprite_lora.art.colour import RGB
from sprite_lora.art.image_file import read_image
from sprite_lora.art.sprite import Pixels, composite, enlarge, grid_factor, snap
from sprite_lora.core.errors import SpriteLoraError

COMPRESSION = 6
"""zlib's level. Flat blocks shrink to a few kilobytes at any; fixed, so that equal pixels give equal bytes."""


@dataclass(frozen=True)
class Enlarged:
    """A training picture."""

    png: bytes
    sha256: str
    """Of its RGB bytes, row by row."""
    snapped_pixels: int


def enlarged(path: Path, art_pixels: int, resolution: int, background: RGB) -> Enlarged:
    """Read a sprite and enlarge it: each art pixel becomes resolution / art_pixels pixels square, exactly.

    Checked by reading the written PNG back and shrinking it. Raises SpriteLoraError for what `validate` refuses.
    """
    image = composite(read_image(path), background)
    height, width = image.shape[:2]
    if grid_factor(width, height, art_pixels) is None:
        raise SpriteLoraError(
            f"{path}: {width}x{height} pixels are no whole multiple of {art_pixels}x{art_pixels}",
            "run: python -m stages.validate",
        )
    snapped = snap(image, art_pixels)
    pixels = enlarge(snapped.cells, resolution // art_pixels)
    png = encode(pixels)
    with Image.open(io.BytesIO(png), formats=["PNG"]) as again:
        if not shrinks_to(np.asarray(again), snapped.cells):
            raise SpriteLoraError(
                f"{path}: the enlargement does not shrink back to the sprite; please report this file"
            )
    return Enlarged(png, hashlib.sha256(pixels.tobytes()).hexdigest(), snapped.off_grid)


def encode(pixels: Pixels) -> bytes:
    """RGB bytes as a PNG without any further data."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=COMPRESSION)
    return file.getvalue()


def shrinks_to(picture: Pixels, cells: Pixels) -> bool:
    """Whether a picture is `cells` with every cell the same whole number of pixels, each of exactly its colour."""
    side = len(cells)
    if picture.ndim != 3 or picture.shape[0] != picture.shape[1] or picture.shape[0] % side:
        return False
    factor = picture.shape[0] // side
    blocks = picture.reshape(side, factor, side, factor, 3)
    return bool((blocks == cells[:, None, :, None]).all())
