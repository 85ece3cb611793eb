"""Which sprites and captions are there, and which names no later tool could handle."""

import os
from dataclasses import dataclass
from pathlib import Path

from stages.dataset import unsafe
from stages.validate.finding import Found, quote


@dataclass(frozen=True)
class Listing:
    """A folder's files of one kind, by stem, and what is wrong with the folder."""

    files: dict[str, str]
    found: list[Found]


def list_folder(folder: Path, suffix: str) -> Listing:
    """The regular files `*<suffix>` right in `folder`, sorted by stem. Hidden files are passed over."""
    files: dict[str, str] = {}
    found: list[Found] = []
    if not folder.is_dir():
        return Listing(files, [Found("no-pairs", shown(folder), f"the folder {quote(str(folder))} is not here")])
    inside = folder.resolve()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            path = shown(entry.path)
            if not entry.name.endswith(suffix) or not entry.is_file():
                kind = (
                    "a folder"
                    if entry.is_dir()
                    else f"not a *{suffix} file"
                    if entry.is_file()
                    else "not a regular file"
                )
                found.append(Found("ignored-file", path, f"{quote(entry.name)} is {kind}"))
                continue
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(inside):
                found.append(Found("outside-link", path, f"links to {quote(str(Path(entry.path).readlink()))}"))
                continue
            stem = entry.name.removesuffix(suffix)
            if reason := unsafe(stem):
                found.append(Found("unsafe-name", path, f"{quote(entry.name)} {reason}"))
                continue
            files[stem] = entry.path
    folded: dict[str, str] = {}
    for stem in files:
        twin = folded.setdefault(stem.casefold(), stem)
        if twin != stem:
            found.append(
                Found("unsafe-name", shown(files[stem]), f"{quote(stem)} and {quote(twin)} differ only in case")
            )
    return Listing(files, found)


def pair(sprites: Listing, captions: Listing) -> tuple[list[str], list[Found]]:
    """Stems that have both, sorted, and a finding for each that has one."""
    found = [
        Found("missing-caption", shown(path), f"no caption {quote(stem + '.txt')} for this sprite")
        for stem, path in sprites.files.items()
        if stem not in captions.files
    ]
    found += [
        Found("missing-sprite", shown(path), f"no sprite {quote(stem + '.png')} for this caption")
        for stem, path in captions.files.items()
        if stem not in sprites.files
    ]
    both = sorted(sprites.files.keys() & captions.files.keys())
    return both, found


def shown(path: Path | str) -> str:
    """A path as findings name it: with slashes, and writable as UTF-8 whatever bytes the name holds."""
    return os.fspath(path).replace(os.sep, "/").encode("utf-8", "backslashreplace").decode()
