"""What a step sees: which pictures, with which captions, as latents. All of it a function of (seed, position)."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core import rng
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.regularisation import read_picture_file
from sprite_lora.kohya import steps
from sprite_lora.kohya.train_params import Train
from stages.train.native.resize import covered


@dataclass(frozen=True)
class BatchPlan:
    """The run in numbers."""

    entries: list[int]
    """One epoch's pictures, each as often as it is repeated: indices into the training pictures, then into the
    regularisation pictures behind them."""
    batch_size: int
    accumulation: int
    processes: int
    epochs: int | None
    max_steps: int | None = None
    """Steps of the run where `epochs` is None."""

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch, over all processes."""
        return steps.batches_per_epoch(len(self.entries), self.batch_size)

    @property
    def rounds_per_epoch(self) -> int:
        """Batches that each process takes; the processes take one each at a time."""
        return steps.rounds_per_epoch(len(self.entries), self.batch_size, self.processes)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps; the last of an epoch may gather fewer batches."""
        return steps.steps_per_epoch(len(self.entries), self.batch_size, self.processes, self.accumulation)

    @property
    def steps(self) -> int:
        """Of the run."""
        if self.epochs is None:
            assert self.max_steps is not None
            return self.max_steps
        return self.epochs * self.steps_per_epoch

    @property
    def begun_epochs(self) -> int:
        """Epochs of the run; the last may end early."""
        return math.ceil(self.steps / self.steps_per_epoch)


def entries(pictures: int, num_repeats: int, regularisation: list[int]) -> list[int]:
    """One epoch's pictures; `regularisation` holds the repeats of each regularisation picture."""
    training = [index for index in range(pictures) for _ in range(num_repeats)]
    counts = steps.regularisation_uses(len(training), regularisation)
    return training + [pictures + index for index, count in enumerate(counts) for _ in range(count)]


def epoch_batches(plan: BatchPlan, seed: int, epoch: int) -> list[list[int]]:
    """The epoch's batches in order, a function of (seed, epoch): pictures shuffled, cut, and the batches shuffled.

    So each picture is seen exactly num_repeats times in each epoch; kohya's first batch of an epoch comes from the
    epoch before's order, and repeats some pictures while others are missed.
    """
    order = rng.permutation(len(plan.entries), seed, "order", epoch)
    shuffled = [plan.entries[index] for index in order]
    cut = [shuffled[start : start + plan.batch_size] for start in range(0, len(shuffled), plan.batch_size)]
    return [cut[index] for index in rng.permutation(len(cut), seed, "batch order", epoch)]


def step_batches(plan: BatchPlan, step: int) -> list[list[int]]:
    """Which of the epoch's batches its step `step` (from 0) sees: per round, one number for each process.

    Where the processes do not divide the batches, the last round goes on at the epoch's beginning (accelerate's
    `even_batches`).
    """
    first = step * plan.accumulation
    rounds = range(first, min(first + plan.accumulation, plan.rounds_per_epoch))
    return [
        [(turn * plan.processes + process) % plan.batches_per_epoch for process in range(plan.processes)]
        for turn in rounds
    ]


def training_caption(caption: str, params: Train, epoch: int, batch: int, place: int) -> str:
    """A caption as kohya's `process_caption` changes it for one use, a function of (seed, batch, place in the batch).

    Dropout comes first and empties the caption: at caption_dropout_rate, and in each caption_dropout_every_n_epochs-th
    `epoch` (counted from 1). Only where tags are shuffled or dropped is the text split on commas: the first
    keep_tokens tags (not CLIP tokens) stay; the others change places, or go at caption_tag_dropout_rate; ", " joins
    them. Otherwise it is untouched.
    """
    seed, rate, every = params.seed, params.caption_dropout_rate, params.caption_dropout_every_n_epochs
    if rate > 0 and rng.uniform((), seed, "caption dropout", batch, place).item() < rate:
        return ""
    if every and epoch % every == 0:
        return ""
    if not (params.shuffle_caption or params.caption_tag_dropout_rate):
        return caption
    tags = [tag.strip() for tag in caption.strip().split(",")]
    fixed, flexible = tags[: params.keep_tokens], tags[params.keep_tokens :]
    if params.shuffle_caption:
        order = rng.permutation(len(flexible), seed, "shuffle caption", batch, place)
        flexible = [flexible[index] for index in order]
    if params.caption_tag_dropout_rate:
        drawn = rng.uniform((len(flexible),), seed, "tag dropout", batch, place).tolist()
        flexible = [tag for tag, at in zip(flexible, drawn, strict=True) if at >= params.caption_tag_dropout_rate]
    return ", ".join(fixed + flexible)


@dataclass(frozen=True)
class Posterior:
    """Mean and deviation of one picture's latent, (C, H, W) each, unscaled, on the CPU."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def draw(self, seed: int, *where: int | str) -> torch.Tensor:
        """One sample, a function of (seed, where)."""
        return self.mean + self.deviation * rng.normal(tuple(self.mean.shape), seed, "latent", *where)


def read_picture(path: Path, resolution: int, resize: bool = False) -> torch.Tensor:
    """(3, H, W) in -1..1: x / 127.5 - 1. Raises SpriteLoraError where it cannot be read or is of another size.

    `resize`: one of another size is made as large, `resize.covered`.
    """
    pixels = np.asarray(read_picture_file(path).convert("RGB"))
    if resize:
        pixels = covered(pixels, resolution)
    if pixels.shape[:2] != (resolution, resolution):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise SpriteLoraError(f"{path}: {found} pixels; training is at {resolution}x{resolution}", "enlarge it so")
    return torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1.0).permute(2, 0, 1).contiguous()


@torch.no_grad()
def encode_picture(base: BaseModel, picture: torch.Tensor) -> Posterior:
    """The autoencoder's posterior, in float32, one picture at a time so that no batch changes its bits.

    Raises SpriteLoraError where it is not finite; kohya replaces NaN by 0 or says nothing.
    """
    posterior = base.vae.encode(picture[None].to(base.vae.device)).latent_dist
    mean, deviation = posterior.mean[0].float().cpu(), posterior.std[0].float().cpu()
    if not (mean.isfinite().all() and deviation.isfinite().all()):
        raise SpriteLoraError("the base model's autoencoder gives values that are not finite", "check paths.base")
    return Posterior(mean, deviation)


def encode_file(base: BaseModel, resolution: int, path: Path, resize: bool = False) -> Posterior:
    """`encode_picture` of a file; `resize`: as `read_picture` has it."""
    return encode_picture(base, read_picture(path, resolution, resize))
