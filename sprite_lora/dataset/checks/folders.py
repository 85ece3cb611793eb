"""Which sprites, captions and regularisation pictures are there, and which file names no later tool could handle."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sprite_lora.art.sprite import UNREADABLE
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.finding import Finding, quote, shown
from sprite_lora.dataset.manifest import unsafe
from sprite_lora.dataset.regularisation import FORMATS, Regular, read_regularisation


@dataclass(frozen=True)
class Folder:
    """The files of one kind right in a folder, by stem."""

    path: Path
    suffix: str
    stems: frozenset[str]

    def file(self, stem: str) -> Path:
        """The path of a stem's file."""
        return self.path / f"{stem}{self.suffix}"

    def shown(self, stem: str) -> str:
        """The same, as findings name it."""
        return shown(self.file(stem))


class ListedFolder(NamedTuple):
    """A folder's files, and what is wrong with their names and kinds."""

    folder: Folder
    findings: list[Finding]


def list_folder(path: Path, suffix: str) -> ListedFolder:
    """The regular files `*<suffix>` right in a folder. Hidden files are passed over."""
    if problem := _unlistable(path):
        message = f"the folder {quote(str(path))} {problem}"
        return ListedFolder(Folder(path, suffix, frozenset()), [Finding("no-pairs", shown(path), message)])
    inside = path.resolve()
    findings, stems = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if unusable := _unusable(entry, suffix, inside):
                findings.append(unusable)
            else:
                # Interned, so that a sprite and its caption share one string.
                stems.append(sys.intern(entry.name.removesuffix(suffix)))
    folder = Folder(path, suffix, frozenset(stems))
    return ListedFolder(folder, [*findings, *_same_but_for_case(folder)])


def _unlistable(path: Path) -> str | None:
    if not path.is_dir():
        return "does not exist"
    return None if os.access(path, os.R_OK | os.X_OK) else "may not be read"


def _unusable(entry: os.DirEntry[str], suffix: str, inside: Path) -> Finding | None:
    """Why no later stage could take a folder's entry; None where it is a file of this kind with a safe name."""
    path = shown(entry.path)
    # Of a link that leads in a circle, scandir's own answer would be an exception.
    target = Path(entry.path) if entry.is_symlink() else entry
    if not entry.name.endswith(suffix) or not target.is_file():
        plain = f"not a *{suffix} file" if target.is_file() else "not a regular file"
        return Finding("ignored-file", path, f"{quote(entry.name)} is {'a folder' if target.is_dir() else plain}")
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(inside):
        return Finding("outside-link", path, f"links to {quote(str(Path(entry.path).readlink()))}")
    if reason := unsafe(entry.name.removesuffix(suffix)):
        return Finding("unsafe-name", path, f"{quote(entry.name)} {reason}")
    return None


def _same_but_for_case(folder: Folder) -> Iterator[Finding]:
    if len({stem.casefold() for stem in folder.stems}) == len(folder.stems):
        return
    first: dict[str, str] = {}
    for stem in sorted(folder.stems):
        twin = first.setdefault(stem.casefold(), stem)
        if twin != stem:
            yield Finding("unsafe-name", folder.shown(stem), f"{quote(stem)} and {quote(twin)} differ only in case")


def check_pairing(sprites: Folder, captions: Folder) -> Iterator[Finding]:
    """A finding for each sprite without caption and the reverse."""
    for one, other, rule, what in (
        (sprites, captions, "missing-caption", "caption"),
        (captions, sprites, "missing-sprite", "sprite"),
    ):
        for stem in one.stems - other.stems:
            yield Finding(rule, one.shown(stem), f"no {what} {quote(stem + other.suffix)} for it")
    if not sprites.stems and not captions.stems:
        yield Finding("no-pairs", shown(sprites.path), "there is no sprite with a caption")


class CheckedRegularisation(NamedTuple):
    """Regularisation pictures, and what is wrong with them."""

    pictures: list[Regular] | None
    """None where the folder is missing or not laid out as kohya has it."""
    findings: list[Finding]


def check_regularisation(folder: Path, resolution: int, place: str) -> CheckedRegularisation:
    """Regularisation pictures: in kohya's folders, readable; and which are not `resolution` pixels wide and high.

    `place`: what findings about the folder as a whole name, `params.yaml:12` for instance.
    """
    if not folder.is_dir():
        message = f"paths.regularisation {folder} does not exist"
        return CheckedRegularisation(None, [Finding("regularisation", place, message)])
    try:
        pictures = read_regularisation(folder)
    except SpriteLoraError as error:
        return CheckedRegularisation(None, [Finding("regularisation", place, str(error.args[0]))])
    found = [_check_picture(picture.path, resolution) for picture in pictures]
    return CheckedRegularisation(pictures, [finding for finding in found if finding])


def _check_picture(path: Path, resolution: int) -> Finding | None:
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        return Finding("regularisation", path.as_posix(), f"cannot be read: {type(error).__name__}")
    if (width, height) == (resolution, resolution):
        return None
    message = f"{width}x{height} pixels; it is resized and cut to {resolution}x{resolution}, as sd-scripts does"
    return Finding("regularisation-size", path.as_posix(), message)
