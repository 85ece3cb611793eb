"""Clock, device and Git commit of a run: what no result depends on, and no hash holds."""

import platform
from datetime import UTC, datetime
from pathlib import Path

import torch

from sprite_lora.core import git, machine
from sprite_lora.core.files import write_json


class RunLog:
    """One JSON per fingerprint; a resumed run replaces it, with its own times."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self._path = path
        self._content = {
            "started_at": now(),
            "finished_at": None,
            "steps": None,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
            "cores": machine.cores(),
            "python": platform.python_version(),
            **git_commit(),
        }

    def write(self) -> None:
        """Note the start."""
        write_json(self._path, self._content)

    def end(self, steps: int) -> None:
        """Note the end."""
        write_json(self._path, {**self._content, "finished_at": now(), "steps": steps})


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_commit() -> dict[str, str | bool | None]:
    """The checkout's commit, and whether anything but dvc.lock and reports/ differs from it; None outside Git."""
    here = Path()
    return {"commit": git.resolve(here, "HEAD"), "clean": git.is_clean(here, but=("dvc.lock", "reports"))}
