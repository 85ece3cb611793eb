"""Suggested repairs as a unified diff, and writing them where Git can bring the original back."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.core import git
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_bytes
from sprite_lora.dataset.checks.finding import Found
from sprite_lora.dataset.checks.limits import Gate
from sprite_lora.dataset.checks.listing import Folder, shown
from sprite_lora.dataset.checks.repair import Repairs, repaired
from sprite_lora.dataset.checks.sprites import check_picture
from sprite_lora.dataset.checks.words import HUGE


@dataclass(frozen=True)
class Suggestion:
    """One caption file and what it should hold."""

    path: Path
    before: str
    after: str


def suggestions(sprites: Folder, captions: Folder, gate: Gate, corrections: dict[str, str]) -> Iterator[Suggestion]:
    """A suggestion for each caption that a safe repair changes; files that are no text, or huge, are left alone."""
    repairs = Repairs(gate.trigger, corrections, gate.hex_tolerance)
    ignored: list[Found] = []
    for stem in sorted(captions.stems):
        path = captions.file(stem)
        if path.stat().st_size > HUGE:
            continue
        try:
            before = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        coded = "#" in before and stem in sprites.stems
        picture = check_picture(sprites.file(stem), stem, gate, ignored) if coded else None
        after = repaired(before, picture, repairs)
        if after != before:
            yield Suggestion(path, before, after)


def diff(suggestion: Suggestion) -> str:
    """A unified diff that `git apply` and `patch -p1` take."""
    name = shown(suggestion.path)
    before, after = (_lines(text) for text in (suggestion.before, suggestion.after))
    text = ""
    for line in difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"):
        text += line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
    return text


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [text.split("\n")[-1]] * (not text.endswith("\n"))


def write(found: list[Suggestion]) -> None:
    """Write the suggestions, one whole file at a time.

    Raises SpriteLoraError, and writes nothing, unless Git holds every one of these files as it is now.
    """
    lost = unrecoverable([suggestion.path for suggestion in found])
    if lost:
        raise SpriteLoraError(
            f"{shown(lost[0])} and {len(lost) - 1} more are not committed as they are, so nothing was written",
            "git add and git commit the captions first: then `git checkout` brings the originals back",
        )
    for suggestion in found:
        write_bytes(suggestion.path.resolve(), suggestion.after.encode())


def unrecoverable(paths: list[Path]) -> list[Path]:
    """Those of `paths`, files of one folder, whose content is not in the last commit of their Git repository."""
    held = git.held(paths[0].parent) if paths else set()
    return [path for path in paths if path.name not in held]
