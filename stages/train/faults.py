"""What can go wrong in hours of training, found before it costs anything, and said in words."""

import math
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.train_params import Train

MEGABYTE = 1 << 20
SPARE = 64 * MEGABYTE
"""Disk that is left free beside what is written."""

MEMORY_KNOBS = (
    "train.train_batch_size lower (with gradient_accumulation_steps higher, the same effective batch)",
    "train.gradient_checkpointing: true",
    "train.mixed_precision: bf16 or fp16",
    "train.sdpa: true",
    "package.resolution lower",
    "train.optimizer_type: AdamW8bit",
    "train.network_dim lower",
    "train.network_train_unet_only: true",
)
"""In order of effect."""


class StopRequestedError(Exception):
    """SIGTERM or SIGINT came; the state is to be saved."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interruption:
    """Notes SIGTERM (a machine that is taken away) and SIGINT (Ctrl-C) and lets the running batch end."""

    def __init__(self) -> None:
        self.number = 0
        """Of the signal that came; 0 for none."""

    def note(self, number: int, frame: FrameType | None) -> None:
        self.number = number


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Handle both signals while training."""
    noted = Interruption()
    before = {number: signal.signal(number, noted.note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(stop: StopRequestedError, step: int, talks: bool) -> NoReturn:
    """End the process as one that the signal ended, after its state was saved."""
    if talks:
        print(f"{stop}: stopped after step {step}, state saved; the same command goes on from there", file=sys.stderr)
    sys.exit(128 + stop.number)


def check_finite(what: str, value: float, step: int, captions: list[str], rate: float, params: Train) -> None:
    """Raise SpriteLoraError where the loss or the gradients' norm is NaN or infinite; before any weight changes."""
    if math.isfinite(value):
        return
    listed = "\n".join(f"    {caption}" for caption in captions)
    raise SpriteLoraError(
        f"{what} is {value} at step {step}: training stopped before it changed the weights; "
        f"learning rate {rate:g}, mixed_precision {params.mixed_precision}; the batch's captions:\n{listed}",
        "try learning rates ten times lower, mixed_precision bf16 or 'no', lr_warmup_steps 0.05, "
        "max_grad_norm 1.0; finished epochs are kept in the state folder",
    )


def check_disk(folder: Path, needed: int, what: str) -> None:
    """Raise SpriteLoraError where the disk of `folder` has less than `needed` bytes and some to spare."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed + SPARE:
        raise SpriteLoraError(
            f"{existing}: {free // MEGABYTE} MB free, {what} needs {(needed + SPARE) // MEGABYTE} MB",
            "free space: python -m stages.train --prune-state, dvc gc --workspace",
        )
