"""What is noted of a run: loss and rates per step for DVC, and clock, device and commit, which no hash holds."""

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from sprite_lora.core import git, machine
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_json


class StepLog:
    """Writes `plots/metrics/*.tsv` and `metrics.json`: steps and values, no clock."""

    def __init__(self, folder: Path, rows: list[dict[str, float]]) -> None:
        """Start the folder anew with the rows of the steps that a resumed run has already done."""
        from dvclive import Live
        from scmrepo.exceptions import SCMError

        try:
            self._live: Any = Live(str(folder), dvcyaml=False, save_dvc_exp=False, report=None)
        except SCMError as error:
            raise SpriteLoraError(f"dvclive cannot log: {error}", "commit once: git add -A; git commit") from None
        for step, row in enumerate(rows, start=1):
            self._log(step, row)
        if rows:
            self._live.make_summary()

    def add(self, step: int, row: dict[str, float]) -> None:
        """Log one step, counted from 1."""
        self._log(step, row)
        self._live.make_summary()

    def _log(self, step: int, row: dict[str, float]) -> None:
        self._live.step = step
        for name, value in row.items():
            self._live.log_metric(name, value)


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
