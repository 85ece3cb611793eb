"""What sd-scripts leaves in the state folder: checkpoints without our record, its own states, event files.

state/train/<fingerprint>/sd-scripts/lock        held by the one sd-scripts that runs, whatever became of its stage
state/train/<fingerprint>/sd-scripts/output/     checkpoints as they are written, `<name>-000001-state/`, and SHA256SUMS
                                                 of the states' files, taken when nothing writes them any more
state/train/<fingerprint>/sd-scripts/events/     a folder per attempt, named by its number and the epochs done before
state/train/<fingerprint>/sd-scripts/tokenizers/
"""

import shutil
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import canonical_json, sha256
from sprite_lora.core.header import read_header
from sprite_lora.core.sums import difference, read_sums, write_sums
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import checkpoint_files, counts_steps
from sprite_lora.lora.epochs import Epoch
from sprite_lora.lora.file import sound_hash, write_with_record
from stages.train.kohya.events import Follower
from stages.train.state import State

SETTLED = 5.0
"""Seconds without a change after which a file is taken as written, while sd-scripts runs."""

PARTS = ("optimizer.bin", "scheduler.bin", "random_states_0.pkl")
"""Files of a state (accelerate `save_accelerator_state`); each is a zip archive with a checksum of all it holds."""

WEIGHTS = "model.safetensors"


class Leftovers:
    """The folder of one run."""

    def __init__(self, state: State, params: Train, record: dict[str, Any], steps_per_epoch: int) -> None:
        self._folder = state.of_sd_scripts
        self._state = state
        self._epochs = state.epochs
        self._params = params
        self._record = record
        self._steps_per_epoch = steps_per_epoch
        self.output = self._folder / "output"
        self.events = self._folder / "events"
        self.tokenizers = self._folder / "tokenizers"

    def lock(self) -> Path:
        """The lock's file, in a folder that is there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / "lock"

    def begin(self, epochs_done: int) -> Path:
        """Make the folders of an attempt. Returns that for its event files."""
        self.output.mkdir(parents=True, exist_ok=True)
        folder = self.events / f"{len(self._attempts()) + 1:06d}-{epochs_done:06d}"
        folder.mkdir(parents=True)
        return folder

    def checkpoints(self, folder: Path) -> dict[Epoch, Path]:
        """Epoch to where its checkpoint lies in a folder, for all that the run leaves."""
        return checkpoint_files(folder, self._params, self._steps_per_epoch)

    def is_whole(self) -> bool:
        """Whether every checkpoint of the run was taken over, and is as it was then."""
        return not self._state.lacking([path.name for path in self.checkpoints(self._epochs).values()])

    def take(self, settled: bool) -> None:
        """Move whole checkpoints to `epochs/`, with our record. `settled`: nothing writes; what is not whole goes."""
        targets = self.checkpoints(self._epochs)
        for epoch, source in self.checkpoints(self.output).items():
            if not source.is_file() or not (settled or time.time() - source.stat().st_mtime > SETTLED):
                continue
            try:
                sound_hash(source)
            except SpriteLoraError:
                if settled:
                    source.unlink()
                continue
            write_with_record(source, targets[epoch], canonical_json({**self._record, "epoch": epoch}))
            self._state.keep(targets[epoch])
            source.unlink()
        for folder in self.output.glob("*-state"):
            with suppress(OSError):  # sd-scripts removes states of earlier epochs meanwhile
                if not self._listed(folder) and (settled or _unchanged(folder)) and not _fault(folder):
                    files = {f"{folder.name}/{path.name}": sha256(path) for path in folder.iterdir()}
                    write_sums(self.output, read_sums(self.output) | files)

    def _listed(self, folder: Path) -> dict[str, str]:
        """Hashes of a state's files as they were when it was first seen whole; empty for one that was not seen yet."""
        return {name: digest for name, digest in read_sums(self.output).items() if name.startswith(f"{folder.name}/")}

    def _damage(self, folder: Path) -> str | None:
        """Why the run cannot go on from a state, in words; None where it can.

        sd-scripts leaves no checksum of all it writes: what it wrote right before it was stopped is believed where it
        looks whole.
        """
        try:
            listed = self._listed(folder)
        except SpriteLoraError as error:
            return str(error)
        wrong = (difference(self.output, name, listed) for name in listed)
        return next(filter(None, wrong), None) if listed else _fault(folder)

    def state_of(self, epoch: int) -> Path:
        """sd-scripts' state after an epoch (`EPOCH_STATE_NAME`)."""
        return self.output / f"{self._params.output_name}-{epoch:06d}-state"

    def last_state(self) -> int:
        """The last epoch after which the run can go on: its state is whole, and its checkpoint there; 0 for none.

        None for a run that counts steps: sd-scripts goes on at the beginning of an epoch alone.
        """
        if counts_steps(self._params):
            return 0
        last = 0
        for epoch, path in self.checkpoints(self._epochs).items():
            if lacking := self._state.lacking([path.name]):
                if path.exists():
                    print(f"not used: {lacking[0]}", flush=True)
                break
            state = self.state_of(int(epoch))
            if damage := self._damage(state):
                if state.exists():
                    print(f"not used: {damage}", flush=True)
            else:
                last = int(epoch)
        return last

    def drop_unfinished(self) -> int:
        """Remove checkpoints and states of epochs after the last one that the run can go on from. Returns that one."""
        last = self.last_state()
        for epoch, path in self.checkpoints(self._epochs).items():
            if epoch > last:
                path.unlink(missing_ok=True)
        kept = self.state_of(last)
        for folder in self.output.glob("*-state"):
            if folder != kept:
                shutil.rmtree(folder)
        return last

    def _attempts(self) -> list[Path]:
        return sorted(self.events.glob("*"))

    def earlier_rows(self, epochs: int | None) -> list[dict[str, float]]:
        """Loss and rates of the steps of so many epochs, of all for None, that earlier attempts have done."""
        rows: list[dict[str, float]] = []
        for attempt in self._attempts():
            done_before = int(attempt.name.rpartition("-")[2])
            rows = rows[: done_before * self._steps_per_epoch] + Follower(attempt).end()
        return rows if epochs is None else rows[: epochs * self._steps_per_epoch]

    def remove(self) -> None:
        """The run is finished."""
        shutil.rmtree(self._folder)


def _unchanged(folder: Path) -> bool:
    """Whether nothing was written into it for a while."""
    return all(time.time() - path.stat().st_mtime > SETTLED for path in (folder, *folder.iterdir()))


def _fault(state: Path) -> str | None:
    """Why a state is not whole, as far as the file formats show it, in words."""
    try:
        read_header(state / WEIGHTS)
        for part in PARTS:
            with zipfile.ZipFile(state / part) as archive:
                if broken := archive.testzip():
                    return f"{state / part} is damaged: the checksum of {broken} is wrong"
    except SpriteLoraError as error:
        return str(error)
    except Exception as error:  # of damaged bytes zipfile and its decoders raise any kind
        return f"{state} is damaged: {error}"
    return None
