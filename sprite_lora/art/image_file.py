"""Reading a picture of unknown origin: a regular file, of a listed format, decoded only within limits."""

import io
import warnings
from collections.abc import Collection
from pathlib import Path

from PIL import Image

from sprite_lora.art import png
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded

MAX_SIDE = 4096
"""Pixels. A 24x24 sprite enlarged 170 times; what is larger is refused by its header, before anything is decoded."""

MAX_BYTES = 64 * 2**20
"""Of a file: 4096x4096 pixels of RGBA without any compression."""

# Pillow only warns of pictures of 90 to 180 million pixels.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def read_image(path: Path, formats: Collection[str] = ("PNG",), max_side: int = MAX_SIDE) -> Image.Image:
    """A picture's pixels: RGBA where it has transparency, else RGB. `formats`: Pillow's names.

    Raises SpriteLoraError, one line, for anything else than a whole picture of one of the formats whose sides are at
    most `max_side` pixels.
    """
    try:
        content = read_bounded(path, MAX_BYTES)
        if content.startswith(png.SIGNATURE) or list(formats) == ["PNG"]:
            parsed = png.parse(content)
            _check_size(path, (parsed.width, parsed.height), max_side)
            if parsed.frames > 1:
                raise SpriteLoraError(
                    f"{path}: an animation of {parsed.frames} frames", "save one frame as a plain picture"
                )
            return png.decode(parsed)
        with Image.open(io.BytesIO(content), formats=[name for name in formats if name != "PNG"]) as image:
            _check_size(path, image.size, max_side)  # of several frames the first is read, as sd-scripts does
            image.load()
            return image.convert("RGBA" if image.has_transparency_data else "RGB")
    except SpriteLoraError:
        raise
    except Exception as error:  # Pillow raises any kind: SyntaxError, MemoryError, struct.error, ...
        raise _unreadable(path, error, formats) from None


def read_chunks(path: Path) -> tuple[png.Png, dict[str, str]]:
    """A PNG's size and kind, and its texts by key; no pixel is decoded. Raises SpriteLoraError for no sound PNG."""
    try:
        parsed = png.parse(read_bounded(path, MAX_BYTES))
        return parsed, png.texts(parsed)
    except SpriteLoraError:
        raise
    except Exception as error:
        raise _unreadable(path, error, ("PNG",)) from None


def read_texts(path: Path) -> dict[str, str]:
    """The texts of `read_chunks`."""
    return read_chunks(path)[1]


def _unreadable(path: Path, error: Exception, formats: Collection[str]) -> SpriteLoraError:
    """The one line for whatever was raised while a picture was decoded."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    named = " or ".join(filter(None, (", ".join([*formats][:-1]), [*formats][-1])))
    reason = reason.split("\n")[0].replace("cannot identify image file", "it is no such file").split(" <_io.")[0]
    return SpriteLoraError(f"{path}: not a readable {named} ({reason})", f"export it again as {named}")


def _check_size(path: Path, size: tuple[int, int], max_side: int) -> None:
    if max(size) > max_side:
        raise SpriteLoraError(
            f"{path}: {size[0]}x{size[1]} pixels, at most {max_side}x{max_side} are read", "save it smaller"
        )
