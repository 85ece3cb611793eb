"""What a run needs of the machine, known before it starts."""

import importlib.util
from pathlib import Path

import torch

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.gpu import NEWEST_OF_XFORMERS
from sprite_lora.kohya.flags import holds, in_words
from sprite_lora.kohya.train_params import FLAGS, Train
from stages.train.faults import check_disk

HEADER = 1 << 20
"""Bytes that are kept for a checkpoint's metadata; a long tag list takes some hundred thousand."""


def memory_used(params: Train, resolution: int) -> str:
    """What a step's memory hangs on most, in words."""
    return f"train_batch_size {params.train_batch_size}, {resolution} px, network_dim {params.network_dim}"


def check_device(params: Train, device: torch.device) -> None:
    """Raise SpriteLoraError for settings that this device cannot do."""
    cuda = device.type == "cuda"
    without = [
        (params.mixed_precision == "fp16", "mixed_precision: fp16", "'no', or bf16"),
        (params.xformers, "xformers: true", "sdpa: true"),
        (params.optimizer_type == "AdamW8bit", "optimizer_type: AdamW8bit", "AdamW"),
    ]
    for used, what, instead in without:
        if used and not cuda:
            raise SpriteLoraError(f"train.{what} needs a CUDA GPU, and this machine has none", f"here: {instead}")
    if params.xformers and importlib.util.find_spec("xformers") is None:
        raise SpriteLoraError("train.xformers needs the package xformers", "uv sync --extra gpu, or sdpa: true")
    if cuda and params.xformers and torch.cuda.get_device_capability(device) > NEWEST_OF_XFORMERS:
        raise SpriteLoraError("train.xformers: xformers has no deterministic backward pass for this GPU", "sdpa: true")
    if cuda and params.mixed_precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise SpriteLoraError("train.mixed_precision: bf16 needs a newer GPU than this one", "fp16, or 'no'")


def ignored_settings(params: Train, base: BaseModel) -> list[str]:
    """Settings that do nothing in this run, in words."""
    cases = [
        *((bool(getattr(params, name)), f"{name}: {why}") for name, why in base.family.ignored.items()),
    ]
    values = params.model_dump()
    for name, value in values.items():
        needs = [(needed, allowed) for needed, allowed in FLAGS[name].needs if needed in values]
        met = not needs or any(holds(values[needed], allowed) for needed, allowed in needs)
        without = " or ".join(in_words(needed, allowed) for needed, allowed in needs)
        cases.append((not met and value not in (None, FLAGS[name].default), f"{name}: does nothing without {without}"))
    return [f"train.{message}" for ignored, message in cases if ignored]


def disk_needed(tensors: int, weights: int, trained: int, checkpoints: int, missing: int) -> tuple[int, int]:
    """Bytes that a run writes at most: (to the state folder, to the output).

    `tensors`: bytes of a checkpoint's tensors. State: the `missing` checkpoints, and two resume states of float32
    weights and two moments of the trained ones.
    """
    file = tensors + HEADER
    return missing * file + 2 * 4 * (weights + 2 * trained), checkpoints * file


def check_disks(state: Path, out: Path, to_state: int, to_out: int) -> None:
    """Raise SpriteLoraError where a disk has not enough room for the whole run."""
    places = [next(path for path in (folder, *folder.absolute().parents) if path.exists()) for folder in (state, out)]
    if places[0].stat().st_dev == places[1].stat().st_dev:
        check_disk(state, to_state + to_out, "the whole training")
    else:
        check_disk(state, to_state, "the training's state")
        check_disk(out, to_out, "its checkpoints")
