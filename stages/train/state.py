"""What a run leaves to go on from: outside every output of DVC, in a folder named by the fingerprint of all inputs.

state/train/lock                      held by the one trainer that runs
state/train/holder.json               which process that is, and for which inputs
state/train/<fingerprint>/record.json what the inputs are
state/train/<fingerprint>/epochs/     finished epochs' checkpoints
state/train/<fingerprint>/resume.pt   weights, optimizer and counters after the last saved step; a finished run keeps
                                      it where a longer one can go on from it
state/train/<fingerprint>/sd-scripts/ the same of the backend kohya, as sd-scripts writes it
state/train/<fingerprint>/steps.json  loss and rates per step, there when the run is finished
"""

import json
import os
import pickle
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import replacing, write_json


@dataclass
class Progress:
    """How far a run is: all that decides what comes next, besides the inputs."""

    step: int = 0
    """Done optimizer steps."""
    schedule_step: int = 0
    """Steps of the learning rate's schedule: as many, less those that fp16's scaler left out."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """Loss and rates of each done step."""


@dataclass(frozen=True)
class State:
    """One run's folder."""

    folder: Path

    @property
    def epochs(self) -> Path:
        return self.folder / "epochs"

    @property
    def resume(self) -> Path:
        return self.folder / "resume.pt"

    @property
    def steps(self) -> Path:
        return self.folder / "steps.json"

    @property
    def of_sd_scripts(self) -> Path:
        """What the backend `kohya` works in."""
        return self.folder / "sd-scripts"

    @property
    def resumable(self) -> bool:
        return self.resume.exists() or any(self.of_sd_scripts.glob("output/*-state"))

    def begin(self, record: dict[str, Any]) -> None:
        """Make the folder; drop what a killed process left of a half-written file."""
        self.epochs.mkdir(parents=True, exist_ok=True)
        for leftover in (*self.folder.glob(".*.tmp"), *self.epochs.glob(".*.tmp")):
            leftover.unlink()
        write_json(self.folder / "record.json", record)

    def save(self, progress: Progress, parts: dict[str, Any]) -> None:
        """Replace the state, whole or not at all. `parts`: state dicts of network, optimizer, gradient scaler."""
        with replacing(self.resume) as temporary:
            torch.save({"progress": vars(progress), **parts}, temporary)

    def load(self) -> tuple[Progress, dict[str, Any]] | None:
        """The last saved state; None where there is none. Raises SpriteLoraError where it cannot be read."""
        if not self.resume.exists():
            return None
        try:
            parts = torch.load(self.resume, map_location="cpu", weights_only=True)
            return Progress(**parts.pop("progress")), parts
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise SpriteLoraError(
                f"{self.resume}: the state to resume from is damaged: {error}",
                f"begin anew: rm {self.resume}",
            ) from None

    def finish(self, progress: Progress, keep: bool) -> None:
        """Mark the run as finished. `keep` its last state, which a longer run may go on from."""
        write_json(self.steps, progress.rows)
        if not keep:
            self.resume.unlink(missing_ok=True)

    def finished(self, names: list[str]) -> list[dict[str, float]] | None:
        """The rows of a finished run whose checkpoints, by file name, are all there; else None."""
        if not self.steps.exists() or not all((self.epochs / name).is_file() for name in names):
            return None
        rows: list[dict[str, float]] = json.loads(self.steps.read_text(encoding="utf-8"))
        return rows

    def publish(self, names: list[str], out: Path) -> None:
        """Copy the checkpoints to the stage's output, each whole or not at all, and leave nothing else there."""
        out.mkdir(parents=True, exist_ok=True)
        for path in out.iterdir():
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in names:
            with replacing(out / name) as temporary:
                shutil.copyfile(self.epochs / name, temporary)


@contextmanager
def only_trainer(folder: Path, fingerprint: str) -> Iterator[None]:
    """Hold the lock of all training states; wait, saying so, while another trainer runs.

    The other may be an orphan of a `dvc repro` that was killed: when it is done, its epochs are there to be used.
    The lock goes with the process that holds it, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / "lock"), folder / "holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting: {_who(holder, fingerprint)}", flush=True)
        lock.acquire(poll_interval=0.5)
    try:
        write_json(holder, {"pid": os.getpid(), "fingerprint": fingerprint})
        yield
        holder.unlink(missing_ok=True)
    finally:
        lock.release()


def _who(holder: Path, fingerprint: str) -> str:
    try:
        other = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return "another trainer runs in this project"
    same = "the same inputs; its epochs will be used" if other["fingerprint"] == fingerprint else "other inputs"
    return f"another trainer runs, process {other['pid']}, for {same}; `kill {other['pid']}` makes it save and stop"


def states(folder: Path) -> list[Path]:
    """All runs' folders, oldest first."""
    runs = [path.parent for path in folder.glob("*/record.json")]
    return sorted(runs, key=lambda run: run.stat().st_mtime)


MEGABYTE = 1 << 20


def listed(folder: Path) -> str:
    """One line per run, oldest first: fingerprint, age, name, epochs, what can be resumed, megabytes."""
    lines = [f"{'fingerprint':14}{'changed':12}{'name':20}{'epochs':>8}  {'state':10}{'MB':>7}"]
    for run in states(folder):
        params = json.loads((run / "record.json").read_text(encoding="utf-8"))["params"]
        state = State(run)
        done = len(list(state.epochs.glob("*.safetensors")))
        kind = "finished" if state.steps.exists() else "resumable" if state.resumable else "begun"
        changed = time.strftime("%Y-%m-%d", time.localtime(run.stat().st_mtime))
        size = sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) // MEGABYTE
        lines.append(f"{run.name[:12]:14}{changed:12}{params['output_name']:20}{done:>8}  {kind:10}{size:>7}")
    return "\n".join(lines) if len(lines) > 1 else f"{folder}: no training left a state"


def prune(folder: Path, keep: str) -> str:
    """Remove every run's state but that of the fingerprint to keep. Call it under the lock."""
    gone = [run for run in states(folder) if run.name != keep]
    for run in gone:
        shutil.rmtree(run)
    return f"{len(gone)} states removed from {folder}"
