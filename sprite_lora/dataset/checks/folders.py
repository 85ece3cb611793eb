"""Which sprites, captions and regularisation pictures are there, and which file names no later tool could handle."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import irregular
from sprite_lora.dataset.checks.finding import Finding, quote, shown
from sprite_lora.dataset.manifest import unsafe
from sprite_lora.dataset.regularisation import Regular, list_regularisation, read_picture_file


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
    findings: list[Finding] = []
    stems = []
    try:
        inside = path.resolve()
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if unusable := _unusable(entry, suffix, inside):
                    findings.append(unusable)
                else:
                    # Interned, so that a sprite and its caption share one string.
                    stems.append(sys.intern(entry.name.removesuffix(suffix)))
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle, before Python 3.13
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be listed: {error}"
        message = f"the folder {quote(str(path))} {reason}"
        return ListedFolder(Folder(path, suffix, frozenset()), [Finding("no-pairs", shown(path), message)])
    folder = Folder(path, suffix, frozenset(stems))
    return ListedFolder(folder, [*findings, *_same_but_for_case(folder)])


def _unusable(entry: os.DirEntry[str], suffix: str, inside: Path) -> Finding | None:
    """Why no later stage could take a folder's entry; None where it is a file of this kind with a safe name."""
    path, file = shown(entry.path), Path(entry.path)
    # Asked of the entry itself it costs no call of the system; of a link that leads in a circle it would raise.
    problem = None if not entry.is_symlink() and entry.is_file() else irregular(file)
    if not entry.name.endswith(suffix):
        return Finding("ignored-file", path, f"{quote(entry.name)} {problem or f'is not a *{suffix} file'}")
    if problem:
        return Finding("unreadable-file", path, f"{quote(entry.name)} {problem}")
    if entry.is_symlink() and not file.resolve().is_relative_to(inside):
        return Finding("outside-link", path, f"links to {quote(str(file.readlink()))}")
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
    """None where the folder is missing or one of them cannot be used."""
    findings: list[Finding]


def check_regularisation(folder: Path, resolution: int, place: str) -> CheckedRegularisation:
    """Regularisation pictures: in kohya's folders, readable; and which are not `resolution` pixels wide and high.

    `place`: what findings about the folder as a whole name, `params.yaml:12` for instance.
    """
    if not folder.is_dir():
        message = f"paths.regularisation {folder} does not exist"
        return CheckedRegularisation(None, [Finding("regularisation", place, message)])
    pictures, found = [], []
    for path, picture in list_regularisation(folder):
        if isinstance(picture, SpriteLoraError):
            found.append(_unusable_picture(path, picture))
        else:
            pictures.append(picture)
            found += _check_picture(path, resolution)
    broken = any(finding.rule == "regularisation" for finding in found)
    return CheckedRegularisation(None if broken else pictures, found)


def _unusable_picture(path: Path, error: SpriteLoraError) -> Finding:
    return Finding("regularisation", shown(path), str(error.args[0]).removeprefix(f"{path}: "))


def _check_picture(path: Path, resolution: int) -> Iterator[Finding]:
    try:
        width, height = read_picture_file(path).size
    except SpriteLoraError as error:
        yield _unusable_picture(path, error)
        return
    if (width, height) != (resolution, resolution):
        message = f"{width}x{height} pixels; it is resized and cut to {resolution}x{resolution}, as sd-scripts does"
        yield Finding("regularisation-size", shown(path), message)
