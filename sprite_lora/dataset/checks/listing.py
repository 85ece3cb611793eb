"""Which sprites and captions are there, and which names no later tool could handle."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.dataset.checks.finding import Found, quote
from sprite_lora.dataset.manifest import unsafe


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


def list_folder(path: Path, suffix: str, found: list[Found]) -> Folder:
    """The regular files `*<suffix>` right in a folder, and what is wrong with it. Hidden files are passed over."""
    if not path.is_dir():
        found.append(Found("no-pairs", shown(path), f"the folder {quote(str(path))} is not here"))
        return Folder(path, suffix, frozenset())
    if not os.access(path, os.R_OK | os.X_OK):
        found.append(Found("no-pairs", shown(path), f"the folder {quote(str(path))} may not be read"))
        return Folder(path, suffix, frozenset())
    inside = path.resolve()
    with os.scandir(path) as entries:
        # Interned, so that a sprite and its caption share one string.
        stems = [sys.intern(stem) for entry in entries if (stem := _stem(entry, suffix, inside, found))]
    folder = Folder(path, suffix, frozenset(stems))
    _check_case(folder, found)
    return folder


def _stem(entry: os.DirEntry[str], suffix: str, inside: Path, found: list[Found]) -> str | None:
    """The stem of a folder's entry; None, and a finding unless it is hidden, where no later stage could take it."""
    if entry.name.startswith("."):
        return None
    path = shown(entry.path)
    # Of a link that leads in a circle, scandir's own answer would be an exception.
    target = Path(entry.path) if entry.is_symlink() else entry
    if not entry.name.endswith(suffix) or not target.is_file():
        plain = f"not a *{suffix} file" if target.is_file() else "not a regular file"
        found.append(Found("ignored-file", path, f"{quote(entry.name)} is {'a folder' if target.is_dir() else plain}"))
        return None
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(inside):
        found.append(Found("outside-link", path, f"links to {quote(str(Path(entry.path).readlink()))}"))
        return None
    stem = entry.name.removesuffix(suffix)
    if reason := unsafe(stem):
        found.append(Found("unsafe-name", path, f"{quote(entry.name)} {reason}"))
        return None
    return stem


def _check_case(folder: Folder, found: list[Found]) -> None:
    if len({stem.casefold() for stem in folder.stems}) == len(folder.stems):
        return
    first: dict[str, str] = {}
    for stem in sorted(folder.stems):
        twin = first.setdefault(stem.casefold(), stem)
        if twin != stem:
            message = f"{quote(stem)} and {quote(twin)} differ only in case"
            found.append(Found("unsafe-name", folder.shown(stem), message))


def check_pairing(sprites: Folder, captions: Folder, found: list[Found]) -> None:
    """A finding for each sprite without caption and the reverse."""
    for one, other, rule, what in (
        (sprites, captions, "missing-caption", "caption"),
        (captions, sprites, "missing-sprite", "sprite"),
    ):
        for stem in one.stems - other.stems:
            found.append(Found(rule, one.shown(stem), f"no {what} {quote(stem + other.suffix)} for it"))
    if not sprites.stems and not captions.stems:
        found.append(Found("no-pairs", shown(sprites.path), "there is no sprite with a caption"))


def shown(path: Path | str) -> str:
    """A path as findings name it: with slashes, and writable as UTF-8 whatever bytes the name holds."""
    return os.fspath(path).replace(os.sep, "/").encode("utf-8", "backslashreplace").decode()
