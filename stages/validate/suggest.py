"""Writing suggested repairs where Git can bring the original back."""

import subprocess
from pathlib import Path

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
    """Those of `paths` whose content is not in the last commit of their Git repository."""
    if not paths:
        return []
    folder = paths[0].parent
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", "HEAD", "--", ".")
    changed = _git(folder, "diff", "-z", "--name-only", "--relative", "HEAD", "--", ".")
    if listed is None or changed is None:
        return paths
    held = set(listed.split("\0")) - set(changed.split("\0"))
    return [path for path in paths if path.name not in held]


def _git(folder: Path, *arguments: str) -> str | None:
    """What Git prints; None where there is no Git, no repository or no commit."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None
