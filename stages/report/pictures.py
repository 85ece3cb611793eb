"""Pictures as the page carries them: small, and without loss wherever that is possible."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sprite_lora.art.image_file import read_image
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.picture import require_own_pixels

MOST_BYTES = 32 * 1024
"""A picture that is larger without loss is stored with a loss, so that 66 of them stay below 3 MB as base64."""

LOSSY_QUALITY = 90


@dataclass(frozen=True)
class Inline:
    """One picture inside the page."""

    uri: str
    """A data URI: PNG or WebP."""
    shrunk: str
    """How it got smaller than its file: "" (not at all), "exact" (one pixel per art pixel) or "area" (averaged)."""
    lossy: bool
    """Whether it had to be compressed with a loss."""


def inline(path: Path, art_pixels: int, at_most: int) -> Inline:
    """Read a picture and make it inline, no wider than `at_most` pixels.

    Pixel art that lies exactly on the grid of `art_pixels` x `art_pixels` loses nothing when it is stored with one
    pixel per art pixel, since the page enlarges it again without smoothing. Anything else is averaged down over
    areas, so that what lies off the grid stays visible as blur. Raises SpriteLoraError where the file is no picture.
    """
    if not path.exists():
        raise SpriteLoraError(f"{path} is missing", "dvc repro draws what is missing")
    picture = read_image(path)
    require_own_pixels(path)
    if is_on_grid(picture, art_pixels):
        small, shrunk = picture.resize((art_pixels, art_pixels), Image.Resampling.NEAREST), "exact"
    elif picture.width > at_most:
        height = max(1, round(picture.height * at_most / picture.width))
        small, shrunk = picture.resize((at_most, height), Image.Resampling.BOX), "area"
    else:
        small, shrunk = picture, ""
    kind, content = encoded(small)
    lossy = len(content) > MOST_BYTES
    if lossy:
        kind, content = "webp", _saved(small, "WEBP", quality=LOSSY_QUALITY, method=4)
    return Inline(data_uri(kind, content), shrunk if small.size != picture.size else "", lossy)


def is_on_grid(picture: Image.Image, art_pixels: int) -> bool:
    """Whether a picture is `art_pixels` x `art_pixels` squares of one colour each."""
    pixels = np.asarray(picture)
    cell, rest = divmod(pixels.shape[0], art_pixels)
    if rest or cell == 0 or pixels.shape[0] != pixels.shape[1]:
        return False
    cells = pixels[::cell, ::cell]
    return bool((pixels == cells.repeat(cell, axis=0).repeat(cell, axis=1)).all())


def encoded(picture: Image.Image) -> tuple[str, bytes]:
    """A picture without loss, as PNG or as WebP, whichever has fewer bytes (PNG where they are equal)."""
    png = _saved(picture, "PNG")
    webp = _saved(picture, "WEBP", lossless=True, exact=True, quality=50, method=4)
    return ("png", png) if len(png) <= len(webp) else ("webp", webp)


def data_uri(kind: str, content: bytes) -> str:
    """A file of the image type `kind` as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
