"""Which checkpoints a run leaves, after which step, and under which file name: kohya's rule.

A checkpoint is counted in epochs. One that is saved by steps, or in the middle of the last epoch, stands between two:
epoch 2.5.
"""

import math
from pathlib import Path
from typing import NamedTuple

from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.epochs import Epoch


class Saved(NamedTuple):
    """One checkpoint."""

    epoch: Epoch
    step: int
    """The optimizer step after which it is saved, from 1."""
    name: str
    """Its file's."""


def counts_steps(train: Train) -> bool:
    """Whether the number of steps in an epoch decides which checkpoints there are."""
    return train.max_train_epochs is None or train.save_every_n_steps is not None


def run_steps(train: Train, steps_per_epoch: int) -> int:
    """Optimizer steps of the whole run."""
    if train.max_train_steps is not None:
        return train.max_train_steps
    assert train.max_train_epochs is not None
    return train.max_train_epochs * steps_per_epoch


def saved_checkpoints(train: Train, steps_per_epoch: int = 1) -> list[Saved]:
    """All that a whole run leaves, in order; the last step always leaves one.

    `steps_per_epoch` does not matter for epochs and names unless `counts_steps`. Names: `<name>-000003.safetensors`,
    `<name>-step00000300.safetensors`, and `<name>.safetensors` for the last (sd-scripts `get_epoch_ckpt_name`,
    `get_step_ckpt_name`, `get_last_ckpt_name`).
    """
    if steps_per_epoch == 0:
        return []  # no pictures
    steps = run_steps(train, steps_per_epoch)
    by_steps = train.save_every_n_steps is not None
    every = train.save_every_n_steps or (train.save_every_n_epochs or steps) * steps_per_epoch
    saved_after = [*range(every, steps, every), steps]
    found = []
    for epoch, step in zip(_counted(saved_after, steps_per_epoch), saved_after, strict=True):
        number = f"-step{step:08d}" if by_steps else f"-{step // steps_per_epoch:06d}"
        name = f"{train.output_name}{'' if step == steps else number}.safetensors"
        found.append(Saved(epoch, step, name))
    return found


def _counted(steps: list[int], steps_per_epoch: int) -> list[Epoch]:
    """Each step in epochs: a whole number where it ends one, else with as many digits as keep all of them apart."""
    for digits in range(2, 17):
        counted: list[Epoch] = [
            round(step / steps_per_epoch, digits) if step % steps_per_epoch else step // steps_per_epoch
            for step in steps
        ]
        if len({0, *counted}) > len(steps) and not any(
            isinstance(epoch, float) and epoch.is_integer() for epoch in counted
        ):
            return counted
    raise AssertionError("steps that no number of digits tells apart")


def epoch_of(step: int, steps_per_epoch: int) -> int:
    """Number of the epoch, from 1, in which a step is; 0 where there are no pictures."""
    return math.ceil(step / steps_per_epoch) if steps_per_epoch else 0


def checkpoint_files(folder: Path, train: Train, steps_per_epoch: int = 1) -> dict[Epoch, Path]:
    """Epoch to file, in order, for every checkpoint that a whole run leaves in `folder`; see `saved_checkpoints`."""
    return {saved.epoch: folder / saved.name for saved in saved_checkpoints(train, steps_per_epoch)}
