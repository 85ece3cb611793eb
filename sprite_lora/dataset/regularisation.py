"""Regularisation pictures: what the base model must still be able to draw, in kohya's layout, beside the sprites."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sprite_lora.art.image_file import read_image
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import irregular
from sprite_lora.core.plain_text import CONTROL
from sprite_lora.dataset.caption import read_caption_file

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""What Pillow may read such a file as, whatever its name: among its other formats is one that runs Ghostscript."""

MAX_SIDE = 8192
"""Pixels. Photos of cameras are smaller; what is larger is refused by its header, before anything is decoded."""

FOLDER = re.compile(r"0*([1-9][0-9]{0,3}|10000)_(.*)")
"""`<repeats>_<class>`, repeats as package.num_repeats has them."""


@dataclass(frozen=True)
class Regular:
    """One regularisation picture."""

    path: Path
    caption: str
    repeats: int


def read_regularisation(folder: Path) -> list[Regular]:
    """Pictures below `<repeats>_<class>/`, sorted; a picture without a .txt is captioned by its class, as in kohya.

    None where the folder is empty. Raises SpriteLoraError for the first that cannot be used.
    """
    pictures = []
    for _, picture in list_regularisation(folder):
        if isinstance(picture, SpriteLoraError):
            raise picture
        pictures.append(picture)
    return pictures


def list_regularisation(folder: Path) -> Iterator[tuple[Path, Regular | SpriteLoraError]]:
    """Every path that would be a regularisation picture, sorted, with what it is or why it cannot be used.

    Folders that cannot be listed, and links to folders, are among them. No picture is opened.
    """
    unlisted: list[OSError] = []
    found = [
        Path(here, name)
        for here, folders, files in os.walk(folder, onerror=unlisted.append)
        for name in (*folders, *files)
        if name.lower().endswith(ENDINGS) or (name in folders and Path(here, name).is_symlink())
    ]
    for error in unlisted:
        yield Path(error.filename), SpriteLoraError(f"{error.filename}: cannot be listed: {error.strerror}")
    for path in sorted(found):
        try:
            yield path, _regular(folder, path)
        except SpriteLoraError as problem:
            yield path, problem


def _regular(folder: Path, path: Path) -> Regular:
    named = FOLDER.fullmatch(path.parent.name)
    if path.parent.parent != folder or not named:
        raise SpriteLoraError(
            f"{path}: not in a folder <repeats>_<class>, repeats of 1 to 10000",
            f"regularisation pictures lie in {folder}/1_<class>/",
        )
    if control := CONTROL.search(f"{named[2]}{path.name}".replace("\n", "\0").replace("\t", "\0")):
        raise SpriteLoraError(f"{path}: its name holds the control character {control[0]!r}", "rename it")
    if problem := irregular(path):
        raise SpriteLoraError(f"{path}: {problem}")
    text = path.with_suffix(".txt")
    absent = not text.exists() and not text.is_symlink()
    return Regular(path, named[2] if absent else read_caption_file(text), int(named[1]))


def read_picture_file(path: Path) -> Image.Image:
    """A training or regularisation picture, RGB or RGBA. Raises SpriteLoraError for what `validate` refuses."""
    return read_image(path, FORMATS, MAX_SIDE)


def folders(pictures: list[Regular]) -> dict[str, dict[str, int]]:
    """kohya's `ss_reg_dataset_dirs`."""
    names = sorted({picture.path.parent.name for picture in pictures})
    count = {name: sum(picture.path.parent.name == name for picture in pictures) for name in names}
    return {name: {"n_repeats": int(name.partition("_")[0]), "img_count": count[name]} for name in names}
