"""What a run needs, each held against the machine that this runs on."""

import ctypes
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from sprite_lora.bases.fetch import located
from sprite_lora.bases.weights import model_path, weight_files, weight_header
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.gpu import DRIVER
from sprite_lora.core.params import Paths, load
from sprite_lora.core.weight_list import read_list
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.base_check import check_base
from sprite_lora.lora.size import lora_parameters, lora_targets
from sprite_lora.results.plan import Plan
from stages.validate.machine import machine_problems

GB = 1e9

LEAST_FREE = 2 * GB
"""Bytes that a cache's disk should have left: a download of a package or two."""

BYTES = {"no": 4, "fp16": 2, "bf16": 2}
"""Of a base model's weight in memory, by mixed_precision."""

TRAINED = 16
"""Bytes of memory for each trained weight: itself, its gradient and Adam's two moments, in float32."""


@dataclass(frozen=True)
class Check:
    """One thing, as it was found."""

    name: str
    state: Literal["ok", "warning", "problem", "not known"]
    said: str
    hint: str = ""


def checks(price: float | None = None) -> Iterator[Check]:
    """All of them. `price`: of an hour, in any currency."""
    train, paths = load(Train), load(Paths)
    yield from packages(train)
    yield graphics()
    yield from (Check("settings", "problem", message) for _, message in machine_problems(train))
    yield base(paths)
    yield memory(train, paths)
    yield from disks(paths)
    yield duration(price)


def installed_torch() -> Any:
    """The package torch; None where it is not installed, as on a computer that only checks captions."""
    try:
        return import_module("torch")
    except ImportError:
        return None


def packages(train: Train) -> Iterator[Check]:
    """Python, torch, and the packages with kernels of their own that the settings ask for."""
    torch = installed_torch()
    python = f"Python {platform.python_version()}"
    if torch is None:
        yield Check("torch", "problem", f"{python}, torch is not installed", "uv sync --extra gpu")
        return
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    yield Check("torch", "ok", f"{python}, torch {torch.__version__}, {built}")
    wanted = {"xformers": train.xformers, "bitsandbytes": train.optimizer_type == "AdamW8bit"}
    for name in (name for name, asked in wanted.items() if asked and train.backend == "native"):
        try:
            import_module(f"{name}.ops" if name == "xformers" else name)
            yield Check(name, "ok", "loads")
        except Exception as error:  # its own libraries fail in any way
            yield Check(name, "problem", f"does not load: {str(error).splitlines()[0]}", "uv sync --extra gpu")


def graphics() -> Check:
    """The GPU that torch finds; where it finds none, whether the driver is there and how old it is."""
    torch = installed_torch()
    if torch is None:
        return Check("GPU", "not known", "torch is not installed")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        major, minor = torch.cuda.get_device_capability()
        half = "bf16 and fp16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16, no bf16"
        said = f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}, {half}, "
        return Check("GPU", "ok", f"{said}{free / GB:.1f} of {total / GB:.1f} GB free")
    try:
        version = ctypes.c_int()
        ctypes.CDLL(DRIVER).cuDriverGetVersion(ctypes.byref(version))
    except OSError:
        return Check(
            "GPU", "warning", "none: train and sample run on the CPU", "another machine: sprite-lora run --on NAME"
        )
    driver = f"{version.value // 1000}.{version.value % 1000 // 10}"
    said = f"torch finds none; the driver is for CUDA {driver}, torch for {torch.version.cuda}"
    return Check("GPU", "problem", said, "a newer driver, or a machine with one")


def base(paths: Paths) -> Check:
    """The base model's files, and whether this machine has its weights; their bytes are not read."""
    findings = check_base(paths.base, "params.yaml").findings
    if findings:
        return Check("base model", "problem", findings[0].message, "docs/gpu.md has the command that fetches it")
    size = sum(weight_header(path).size for path in _weights(paths.base))
    missing = bytes_to_fetch(paths.base)
    if missing:
        said = f"{paths.base}, {size / GB:.2f} GB of weights; {missing / GB:.2f} GB are not in this machine's cache"
        hint = f"train fetches them, as does: sprite-lora base fetch {paths.base.name}"
        return Check("base model", "warning", said, hint)
    place = ", in this machine's cache" if read_list(paths.base) else ""
    return Check("base model", "ok", f"{paths.base}, {size / GB:.2f} GB of weights{place}")


def bytes_to_fetch(base: Path) -> int:
    """Bytes of a base model's weights that its list names and this machine's cache has not whole."""
    listed = read_list(base)
    if listed is None:
        return 0
    there = {name: located(listed, name) for name in listed.files}
    missing = [name for name, path in there.items() if not path or path.stat().st_size != listed.files[name].size]
    return sum(listed.files[name].size for name in missing)


def memory(train: Train, paths: Paths) -> Check:
    """What the weights alone take of the GPU's memory: what no setting but precision and rank makes less."""
    try:
        count = sum(
            math.prod(tensor["shape"])
            for path in _weights(paths.base)
            for tensor in weight_header(path).tensors.values()
        )
        trained, _ = lora_parameters(
            lora_targets(paths.base),
            train.network_dim,
            train.rank_of_convolutions,
            train.network_train_unet_only,
            train.network_train_text_encoder_only,
        )
    except SpriteLoraError as error:
        return Check("GPU memory", "not known", str(error.args[0]))
    needed = count * BYTES[train.mixed_precision] + trained * TRAINED
    said = f"{needed / GB:.2f} GB for the weights of base and LoRA; activations come on top, by batch and resolution"
    torch = installed_torch()
    free = torch.cuda.mem_get_info()[0] if torch and torch.cuda.is_available() else None
    if free is not None and needed > free:
        return Check("GPU memory", "problem", f"{said}; {free / GB:.2f} GB are free", "nvidia-smi lists what uses it")
    return Check("GPU memory", "ok" if free else "not known", said)


def disks(paths: Paths) -> Iterator[Check]:
    """Free room where results, states and caches are written; of a rented machine the root disk is often small."""
    try:
        needed = float(Plan.read().disk_bytes)
    except SpriteLoraError:
        needed = LEAST_FREE
    try:
        to_fetch = bytes_to_fetch(paths.base)
    except SpriteLoraError:
        to_fetch = 0  # `base` says what is wrong
    home = Path.home() / ".cache"
    places = {
        "outputs and state": (Path(), needed),
        "HF_HOME": (Path(os.environ.get("HF_HOME", home / "huggingface")), LEAST_FREE + to_fetch),
        "uv's cache": (Path(os.environ.get("UV_CACHE_DIR", home / "uv")), LEAST_FREE),
        "paths.caches": (paths.caches, LEAST_FREE),
        "temporary files": (Path(tempfile.gettempdir()), LEAST_FREE),
    }
    for name, (place, least) in places.items():
        there = next(path for path in (place, *place.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        said = f"{free / GB:.1f} GB free, {least / GB:.1f} GB should be ({place.absolute()})"
        yield Check(
            f"disk: {name}", "ok" if free >= least else "problem", said, "" if free >= least else "a larger disk"
        )


def duration(price: float | None) -> Check:
    """How long the training will take, by the last one that this device finished here."""
    try:
        steps = Plan.read().steps
    except SpriteLoraError:
        return Check("time", "not known", "reports/plan.json is not there", "uv run dvc repro validate")
    measured = last_seconds_per_step()
    if measured is None:
        return Check("time", "not known", f"{steps} steps; no training was finished on this device yet")
    hours = steps * measured / 3600
    cost = f", {hours * price:.2f} at {price:g} an hour" if price else ""
    return Check(
        "time", "ok", f"{steps} steps at {measured:.2f} s, as last measured here: {hours * 60:.0f} minutes{cost}"
    )


def last_seconds_per_step() -> float | None:
    """Seconds a step of the last training that the device of this machine finished; None where there was none."""
    torch = installed_torch()
    if torch is None:
        return None
    here = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "cpu"
    found = []
    for path in (Paths.logs / "train").glob("*.json"):
        try:
            log = json.loads(path.read_bytes())
            begun, ended = (datetime.fromisoformat(log[key]) for key in ("started_at", "finished_at"))
            if log["device"] == here and log["steps"]:
                found.append((ended, (ended - begun).total_seconds() / log["steps"]))
        except (ValueError, KeyError, TypeError):
            continue  # not finished, or of another kind
    return max(found)[1] if found else None


def _weights(base: Path) -> list[Path]:
    """All safetensors files of a base model; those that a list stands for are not there."""
    base = model_path(base)
    if not base.is_dir():
        return [base]
    folders = (base / part for part in ("unet", "vae", "text_encoder", "text_encoder_2"))
    return [
        path
        for folder in folders
        if folder.is_dir()
        for path in weight_files(folder)
        if path.name.endswith(".safetensors")
    ]
