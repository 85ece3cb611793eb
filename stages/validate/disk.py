"""Room on the disk for what the run will write."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.dataset.checks.finding import Finding


@dataclass(frozen=True)
class Need:
    """What the run will write, in bytes."""

    checkpoints: int
    pictures: int

    @property
    def total(self) -> int:
        """Checkpoints lie in the state folder, in the out and in DVC's cache; pictures in the out and in the cache."""
        return 3 * self.checkpoints + 2 * self.pictures


def check_disk(need: Need, folder: Path) -> Iterator[Finding]:
    """Free space where `folder` is or will be, against what the run will write."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if shutil.disk_usage(there).free < need.total:
        checkpoints, pictures = _gib(need.checkpoints), _gib(need.pictures)
        parts = f"checkpoints of {checkpoints} three times (state, outs, DVC's cache) and pictures of {pictures} twice"
        message = f"the run writes about {_gib(need.total)}: {parts}; the disk has less free"
        yield Finding("disk", folder.as_posix(), message)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
