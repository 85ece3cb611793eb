"""What a run leaves to go on from: outside every output of DVC, in a folder named by the fingerprint of all inputs.

state/train/lock                      held by the one trainer that runs
state/train/holder.json               which process that is, and for which inputs
state/train/<fingerprint>/record.json what the inputs are
state/train/<fingerprint>/epochs/     finished epochs' checkpoints
state/train/<fingerprint>/resume.pt   weights, optimizer and counters after the last saved step; a finished run keeps
                                      it where a longer one can go on from it
state/train/<fingerprint>/sd-scripts/ the same of the backend kohya, as sd-scripts writes it
state/train/<fingerprint>/steps.json  loss and rates per step, there when the run is finished
state/train/<fingerprint>/SHA256SUMS  of each checkpoint and of steps.json, as they were written

Nothing of it is used unseen: resume.pt is a zip archive with a CRC-32 of each of its parts, and names its fingerprint;
record.json hashes to its folder's name; all else is compared with SHA256SUMS. What is damaged is said and made anew.
"""

import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from filelock import FileLock, Timeout

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import replacing, sha256, write_json
from sprite_lora.core.record import fingerprint
from sprite_lora.core.sums import difference, read_sums, write_sums
from sprite_lora.lora.file import read_record

T = TypeVar("T")


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
        """Make the folder; drop what a killed process left of a half-written file, and the mark of a finished run."""
        self.epochs.mkdir(parents=True, exist_ok=True)
        for leftover in (*self.folder.glob(".*.tmp"), *self.epochs.glob(".*.tmp"), self.steps):
            leftover.unlink(missing_ok=True)
        write_json(self.folder / "record.json", record)

    def record(self) -> dict[str, Any]:
        """What the inputs are. Raises SpriteLoraError where the file is not what was written."""
        path = self.folder / "record.json"
        try:
            record: dict[str, Any] = json.loads(path.read_bytes())
            whole = fingerprint(record) == record["fingerprint"] == self.folder.name
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise SpriteLoraError(f"{path} is damaged: {error}") from None
        if not whole:
            raise SpriteLoraError(f"{path} is damaged: it does not hash to its folder's name")
        return record

    def save(self, progress: Progress, parts: dict[str, Any]) -> None:
        """Replace the state, whole or not at all. `parts`: state dicts of network, optimizer, gradient scaler."""
        content = {"fingerprint": self.folder.name, "progress": vars(progress), **parts}
        with replacing(self.resume) as temporary:
            torch.save(content, temporary)

    def load(self) -> tuple[Progress, dict[str, Any]] | None:
        """The last saved state; None where there is none. Raises SpriteLoraError where it is not what was saved."""
        if not self.resume.exists():
            return None
        try:
            with zipfile.ZipFile(self.resume) as archive:
                broken = archive.testzip()
            if broken is None:
                parts = torch.load(self.resume, map_location="cpu", weights_only=True)
                of, progress = parts.pop("fingerprint"), Progress(**parts.pop("progress"))
        except Exception as error:  # of damaged bytes zipfile, its decoders, the unpickler and torch raise any kind
            raise SpriteLoraError(f"{self.resume} is damaged: {error}") from None
        if broken is not None:
            raise SpriteLoraError(f"{self.resume} is damaged: the checksum of {broken} is wrong")
        if of != self.folder.name:
            raise SpriteLoraError(f"{self.resume} is of another run, {of}")
        return progress, parts

    def keep(self, path: Path) -> None:
        """Note the hash of a file that was written: from now on it counts as there."""
        sums = self._sums() | {path.relative_to(self.folder).as_posix(): sha256(path)}
        write_sums(self.folder, sums)

    def lacking(self, names: list[str]) -> list[str]:
        """Of these checkpoints, by file name: why one is not there as it was written, in words."""
        sums = self._sums()
        return [words for name in names if (words := difference(self.folder, f"epochs/{name}", sums))]

    def _sums(self) -> dict[str, str]:
        """As listed; a list that cannot be read is as good as none."""
        try:
            return read_sums(self.folder)
        except SpriteLoraError:
            return {}

    def finish(self, progress: Progress, keep: bool) -> None:
        """Mark the run as finished. `keep` its last state, which a longer run may go on from."""
        write_json(self.steps, progress.rows)
        self.keep(self.steps)
        if not keep:
            self.resume.unlink(missing_ok=True)

    def finished(self, names: list[str]) -> list[dict[str, float]] | None:
        """The rows of a finished run with these checkpoints, by file name; None where the run was not finished.

        Raises SpriteLoraError where one of its files is not what was written.
        """
        if not self.steps.exists():
            return None
        wrong = [*self.lacking(names), difference(self.folder, self.steps.name, self._sums())]
        if first := next(filter(None, wrong), None):
            raise SpriteLoraError(first)
        for name in names:
            of = (read_record(self.epochs / name) or {}).get("fingerprint")
            if of != self.folder.name:
                raise SpriteLoraError(f"{self.epochs / name} is of another run, {of}")
        rows: list[dict[str, float]] = json.loads(self.steps.read_text(encoding="utf-8"))
        return rows

    def publish(self, names: list[str], out: Path) -> None:
        """Copy the checkpoints and their hashes to the stage's output, each whole or not at all, and nothing else.

        Raises SpriteLoraError where a copy is not what was written to the state folder.
        """
        sums = self._sums()
        out.mkdir(parents=True, exist_ok=True)
        for path in out.iterdir():
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in names:
            with replacing(out / name) as temporary:
                shutil.copyfile(self.epochs / name, temporary)
                if sha256(temporary) != sums[f"epochs/{name}"]:
                    raise SpriteLoraError(
                        f"{self.epochs / name} was damaged after it was written, or its copy was",
                        "again: dvc repro makes anew what is damaged",
                    )
        write_sums(out, {name: sums[f"epochs/{name}"] for name in names})


def unharmed(read: Callable[[], T | None], talks: bool) -> T | None:
    """What `read` finds in the state folder; None where that is damaged, which the process that `talks` says."""
    try:
        return read()
    except SpriteLoraError as error:
        if talks:
            print(f"not used: {error}", flush=True)
        return None


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
        other = json.loads(holder.read_bytes())
        pid, of = int(other["pid"]), other["fingerprint"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return "another trainer runs in this project"
    same = "the same inputs; its epochs will be used" if of == fingerprint else "other inputs"
    return f"another trainer runs, process {pid}, for {same}; `kill {pid}` makes it save and stop"


def states(folder: Path) -> list[Path]:
    """All runs' folders, oldest first."""
    runs = [path.parent for path in folder.glob("*/record.json")]
    return sorted(runs, key=lambda run: run.stat().st_mtime)


MEGABYTE = 1 << 20


def listed(folder: Path) -> str:
    """One line per run, oldest first: fingerprint, age, name, epochs, what can be resumed, megabytes."""
    lines = [f"{'fingerprint':14}{'changed':12}{'name':20}{'epochs':>8}  {'state':10}{'MB':>7}"]
    for run in states(folder):
        state = State(run)
        name = _named(state)
        done = len(list(state.epochs.glob("*.safetensors")))
        kind = "finished" if state.steps.exists() else "resumable" if state.resumable else "begun"
        changed = time.strftime("%Y-%m-%d", time.localtime(run.stat().st_mtime))
        size = sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) // MEGABYTE
        lines.append(f"{run.name[:12]:14}{changed:12}{name:20}{done:>8}  {kind:10}{size:>7}")
    return "\n".join(lines) if len(lines) > 1 else f"{folder}: no training left a state"


def _named(state: State) -> str:
    try:
        return str(state.record()["params"]["output_name"])
    except SpriteLoraError:
        return "record damaged"


def prune(folder: Path, keep: str) -> str:
    """Remove every run's state but that of the fingerprint to keep. Call it under the lock."""
    gone = [run for run in states(folder) if run.name != keep]
    for run in gone:
        shutil.rmtree(run)
    return f"{len(gone)} states removed from {folder}"
