"""sd-scripts from outside: its pinned commits, its command-line flags, and which of them `train.kohya_args` may hold.

sd_scripts.json beside this lists every flag of both training scripts, so that params.yaml is checked without a
checkout.
"""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sprite_lora.core.inputs import name_problem

_FACTS = json.loads((Path(__file__).parent / "sd_scripts.json").read_text(encoding="utf-8"))

COMMITS: dict[str, str] = _FACTS["commits"]
"""Tag to commit: the checkouts that the backend runs."""

DEFAULT_TAG = "v0.10.1"

SCRIPT = "train_network.py"

SDXL_SCRIPT = "sdxl_train_network.py"

SDXL = "sdxl_base_v1-0"

PLACE = "SPRITE_LORA_SD_SCRIPTS"
"""The environment variable that names the checkout's folder."""


@dataclass(frozen=True)
class Argument:
    """A flag as sd-scripts' parser defines it."""

    name: str
    kind: str
    """switch, int, float, number (int or float) or text."""
    default: Any = None
    many: bool = False
    """Whether it takes several values."""
    choices: tuple[Any, ...] = ()
    since: str = ""
    """The first pinned tag that has it; empty: all have it."""
    script: str = ""
    """The one script that has it; empty: both have it."""


ARGUMENTS: dict[str, Argument] = {
    name: Argument(name, **{**facts, "choices": tuple(facts.get("choices", ()))})
    for name, facts in _FACTS["flags"].items()
}

_DATASET = "pictures and captions are those that `package` writes"
_PLACES = "results have fixed places"
_STATE = "the stage saves and resumes by itself"
_LOGS = "the stage logs by itself, to logs/ and reports/train/"
_SECRET = "carries a secret; params.yaml is kept in Git and exchanged"  # noqa: S105  words
_HUB = "nothing is fetched from a hub or uploaded to one; `dvc push` shares results"
_FILES_BESIDE = "would write into outputs/dataset, which belongs to the stage `package`"
_SAMPLES = "pictures are drawn by the stage `sample`"
_SPLIT = "would take sprites out of the training; the epoch is chosen by its pictures"

REFUSED: dict[str, str] = {
    "pretrained_model_name_or_path": "is paths.base",
    "v2": "follows from paths.base",
    "vae": "is paths.vae",
    "network_weights": "is paths.network_weights",
    "train_data_dir": _DATASET,
    "reg_data_dir": "is paths.regularisation",
    "conditioning_data_dir": _DATASET,
    "in_json": _DATASET,
    "dataset_config": f"{_DATASET}; no second file of settings",
    "dataset_class": f"imports any code; {_DATASET}",
    "dataset_repeats": "is package.num_repeats",
    "resolution": "is package.resolution",
    "caption_extension": _DATASET,
    "caption_extention": _DATASET,
    "debug_dataset": "shows pictures and trains nothing",
    "config_file": "params.yaml holds the settings; no second file of them",
    "output_config": "params.yaml holds the settings; no second file of them",
    "output_dir": _PLACES,
    "save_model_as": "checkpoints are .safetensors",
    "no_metadata": "drift, audit and identify read the metadata",
    "tokenizer_cache_dir": "the tokenizer comes with this project",
    "cache_latents_to_disk": f"{_FILES_BESIDE}; train.cache_latents keeps latents in memory",
    "cache_text_encoder_outputs_to_disk": f"{_FILES_BESIDE}; cache_text_encoder_outputs keeps them in memory",
    "cache_info": _FILES_BESIDE,
    "skip_cache_check": "there are no files of latents to check",
    "save_n_epoch_ratio": "is train.save_every_n_epochs",
    "save_last_n_epochs": "would delete checkpoints",
    "save_last_n_steps": "would delete checkpoints",
    "metadata_thumbnail": "copies any file into the checkpoints",
    "wandb_api_key": _SECRET,
    "huggingface_token": _SECRET,
    "async_upload": _HUB,
    "wandb_run_name": _LOGS,
    "offload_optimizer_nvme_path": "writes to a place of its own",
    "offload_param_nvme_path": "writes to a place of its own",
    "use_8bit_adam": "is optimizer_type AdamW8bit",
    "use_lion_optimizer": "is optimizer_type Lion",
    **dict.fromkeys(("resume", "initial_epoch", "initial_step", "skip_until_initial_step"), _STATE),
    **dict.fromkeys((name for name in ARGUMENTS if name.startswith("save_") and "state" in name), _STATE),
    **dict.fromkeys((name for name in ARGUMENTS if "huggingface" in name and "token" not in name), _HUB),
    **dict.fromkeys((name for name in ARGUMENTS if name.startswith(("log_", "logging_", "console_log"))), _LOGS),
    **dict.fromkeys((name for name in ARGUMENTS if name.startswith("sample_")), _SAMPLES),
    **dict.fromkeys((name for name in ARGUMENTS if name.startswith("valid") or "_validation_" in name), _SPLIT),
}
"""Flag to why it must not stand in `train.kohya_args`, or where it belongs."""

MODULES: dict[str, tuple[str, ...]] = {
    "network_module": ("networks.lora", "lycoris.kohya"),
    "optimizer_type": (
        "DAdaptAdaGrad", "DAdaptAdam", "DAdaptAdan", "DAdaptAdanIP", "DAdaptAdamPreprint", "DAdaptLion", "DAdaptSGD",
        "DAdaptation", "Lion8bit", "PagedAdamW", "PagedAdamW32bit", "PagedAdamW8bit", "PagedLion8bit", "SGDNesterov",
        "SGDNesterov8bit", "AdamWScheduleFree", "RAdamScheduleFree", "SGDScheduleFree",
        "prodigyplus.ProdigyPlusScheduleFree", "pytorch_optimizer.CAME",
    ),
    "lr_scheduler": (
        "polynomial", "inverse_sqrt", "cosine_with_min_lr", "warmup_stable_decay", "piecewise_constant",
    ),
    "lr_scheduler_type": (
        "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "OneCycleLR", "StepLR", "MultiStepLR",
        "PolynomialLR", "LinearLR",
    ),
}  # fmt: skip
"""Flags whose values sd-scripts imports (`get_optimizer`, `get_scheduler_fix`, `train`), with the values allowed.

Beside the values that a key of `train` knows.
"""

FILES = ("base_weights",)
"""Flags that name files: .safetensors alone, since sd-scripts unpickles others. Their hashes go into the record."""

_TYPES: dict[str, tuple[type, ...]] = {
    "switch": (bool,), "int": (int,), "float": (int, float), "number": (int, float, str), "text": (str, int, float),
}  # fmt: skip


def problems(
    given: Mapping[str, Any], keys: Mapping[str, tuple[Any, ...]], refused: Mapping[str, str]
) -> Iterator[str]:
    """What is wrong with `train.kohya_args`, a message each; none shows the value of a flag that is refused.

    `keys`: keys of the section `train`, with the values that each knows where it knows a few. `refused`: flags that the
    rows refuse, and why.
    """
    for name, value in given.items():
        if name not in ARGUMENTS:
            near = difflib.get_close_matches(name.replace("-", "_").lstrip("_"), [*ARGUMENTS], n=1)
            yield f"kohya_args: `{name}` is no flag of sd-scripts" + (f"; did you mean `{near[0]}`?" if near else "")
        elif name in keys and (name not in MODULES or value in keys[name]):
            yield f"kohya_args: `{name}` has a key of its own, train.{name}"
        elif name in REFUSED or name in refused:
            yield f"kohya_args: `{name}` is refused: {REFUSED.get(name) or refused[name]}"
        elif value is not None:
            yield from _wrong_value(ARGUMENTS[name], value)


def _wrong_value(argument: Argument, value: Any) -> Iterator[str]:
    values = value if isinstance(value, list | tuple) else (value,)
    if isinstance(value, list | tuple) and not argument.many:
        yield f"kohya_args: `{argument.name}` takes one value, not a list"
        return
    for one in values:
        if argument.name in FILES and isinstance(one, str) and (wrong := name_problem(one)):
            yield f"kohya_args: `{argument.name}` {wrong}"
        elif wanted := _wanted(argument, one):
            yield f"kohya_args: `{argument.name}` is {one!r}: it must be {wanted}"


def _wanted(argument: Argument, value: Any) -> str:
    """What a value should be; empty where it is that."""
    allowed = MODULES.get(argument.name, argument.choices)
    if argument.kind == "switch":
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(value, bool) or not isinstance(value, _TYPES[argument.kind]):
        return {"int": "a whole number", "text": "text"}.get(argument.kind, "a number")
    if allowed and value not in allowed:
        return f"one of {', '.join(map(str, allowed))}"
    if argument.many and str(value).startswith("--"):
        return "a value, no flag"
    if argument.name in FILES and not str(value).endswith(".safetensors"):
        return "a .safetensors file"
    return ""


def script(family: str) -> str:
    """The training script for a family of base models, by kohya's `ss_base_model_version`."""
    return SDXL_SCRIPT if family == SDXL else SCRIPT


def wrong_script(given: Mapping[str, Any], family: str) -> Iterator[tuple[str, str]]:
    """Flags that the script for this family does not have, and a message for each."""
    for name, value in given.items():
        only = ARGUMENTS[name].script
        if value not in (None, False) and only and only != script(family):
            yield name, f"sd-scripts knows `{name}` for SDXL alone, in {only}"


def place() -> Path:
    """Where the checkout lies on this machine; never a param, since params are exchanged and this is run."""
    named = os.environ.get(PLACE)
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(named).absolute() if named else data / "sprite-lora" / "sd-scripts"
