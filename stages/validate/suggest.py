"""Writing suggested repairs where Git can bring the original back."""

from pathlib import Path

from sprite_lora.core import git
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_bytes
from sprite_lora.dataset.checks.finding import shown
from sprite_lora.dataset.checks.repair import Suggestion


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
