"""What the training needs of a machine, against this one: `train` would stop there, its old results cleared."""

import importlib.util
import os
from collections.abc import Iterator

from sprite_lora.core import gpu
from sprite_lora.kohya.network_args import LYCORIS
from sprite_lora.kohya.sd_scripts import SCRIPT, place
from sprite_lora.kohya.train_params import Train

PACKAGES = {"AdamW8bit": "bitsandbytes", "Lion": "lion_pytorch", "Prodigy": "prodigyopt"}
"""Of the optimizers that torch and transformers have not."""

ELSEWHERE = "SPRITE_LORA_TRAINS_ELSEWHERE"
"""Environment variable that `sprite-lora run` sets where `train` runs on another machine, which checks by itself."""

BF16 = (8, 0)
"""The first compute capability with bf16."""


def machine_problems(train: Train) -> Iterator[tuple[str, str]]:
    """Key of the section `train` and message, for each value that this machine cannot do.

    None where no training runs here: where torch is not installed, or a runner trains; that machine checks again.
    """
    if not _is_installed("torch") or ELSEWHERE in os.environ:
        return
    gpus = gpu.capabilities()
    if not gpus:
        for key, value in (("mixed_precision", "fp16"), ("xformers", True), ("optimizer_type", "AdamW8bit")):
            if getattr(train, key) == value:
                yield (
                    key,
                    f"{key}: {str(value).lower() if value is True else value} needs a CUDA GPU; there is none here",
                )
    elif train.mixed_precision == "bf16" and gpus[0] < BF16:
        yield "mixed_precision", "mixed_precision: bf16 needs a newer GPU than the one here; fp16 works"
    elif train.backend == "native" and train.xformers and gpus[0] > gpu.NEWEST_OF_XFORMERS:
        yield "xformers", "xformers has no deterministic backward pass for the GPU here; sdpa: true works"
    most = len(gpus) or (os.cpu_count() or 1)
    if train.num_processes > (most if train.backend == "native" else len(gpus) or 1):
        yield "num_processes", f"num_processes {train.num_processes}: there are {len(gpus)} GPUs here"
    if train.backend == "kohya":
        if not (place() / SCRIPT).is_file():
            yield "backend", "backend kohya needs sd-scripts, which is not here: uv run sprite-lora kohya install"
        return
    needed = (
        ("optimizer_type", PACKAGES.get(train.optimizer_type)),
        ("xformers", "xformers" if train.xformers else None),
        ("network_module", "lycoris" if train.network_module == LYCORIS else None),
    )
    for key, package in needed:
        if package and not _is_installed(package):
            yield key, f"{key}: the package {package} is not installed here: uv sync --extra gpu"


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
