"""The packaged dataset's manifest: what `package` wrote, with a hash of every sprite and caption."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Count, Part, Result

MANIFEST = "manifest.json"

UNSAFE = re.compile(r"[^\w .()+-]|^[.\-\s]|[.\s]$")
"""Characters that shells, Windows, zip tools or kohya's caches trip over; \\w is any letter or digit."""

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z", re.IGNORECASE)
"""Names that Windows keeps for devices."""


MAX_NAME = 200
"""Bytes of a stem. File systems hold names of 255, and sd-scripts adds sizes and endings to it for its caches."""


class Item(Part):
    """One sprite with its caption."""

    stem: str
    caption: str
    """The first line, stripped: what is trained on."""
    sprite_sha256: str
    """Of the enlarged picture's RGB bytes, row by row, so that no PNG encoder changes it."""
    caption_sha256: str
    """Of the caption's UTF-8 bytes."""
    snapped_pixels: Count
    """Pixels of the source file that were off their cell's colour and were set to it."""


class Manifest(Result):
    """`outputs/dataset/manifest.json`."""

    place = Paths.dataset / MANIFEST
    stage = "package"

    folder: str
    """kohya's subfolder, `<num_repeats>_<name>`."""
    name: str
    num_repeats: Count
    resolution: Annotated[Count, Field(ge=1)]
    """Side of the square pictures, in pixels."""
    art_pixels: Annotated[Count, Field(ge=1, le=4096)]
    """Side in art pixels; resolution is a whole multiple."""
    background: str
    """`#rrggbb` that alpha was composited on."""
    sprites_sha256: str
    captions_sha256: str
    items: tuple[Item, ...]
    """Sorted by stem."""


def read_manifest(dataset: Path) -> Manifest:
    """The manifest of a dataset folder. Raises SpriteLoraError where it is absent or of another form."""
    return Manifest.load(dataset / MANIFEST)


def unsafe(stem: str) -> str | None:
    """What is wrong with a file's stem, None where nothing is."""
    if not stem:
        return "is empty"
    if len(stem.encode("utf-8", "surrogatepass")) > MAX_NAME:
        return f"is longer than {MAX_NAME} bytes"
    if match := UNSAFE.search(stem):
        return f"holds {match[0]!r}" if match[0].strip(". -") else "starts or ends with a space, dot or dash"
    if RESERVED.match(stem):
        return "is a device's name on Windows"
    return None
