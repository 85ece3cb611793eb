"""params.yaml as sd-scripts' command line, flag by flag.

Every key of `train` that sd-scripts knows is written out, defaults too, so that no default of a release counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.network_args import LORA
from sprite_lora.kohya.sd_scripts import ARGUMENTS, COMMITS, wrong_script
from sprite_lora.kohya.train_params import FLAGS, Train
from sprite_lora.lora.checkpoints import counts_steps

LOADERS = 1
"""`max_data_loader_n_workers`: sd-scripts cuts its own 8 to the machine's cores, and pictures' order hangs on it."""

NOT_A_FLAG = ("num_processes", "conv_dim", "conv_alpha", "rank_dropout", "module_dropout")
"""Keys that sd-scripts takes another way: as options of accelerate, as arguments of the network."""


@dataclass(frozen=True)
class Place:
    """Where a run reads and writes; all paths absolute."""

    base: Path
    family: str
    """kohya's `ss_base_model_version`: `sd_v1`, `sd_v2` or `sdxl_base_v1-0`."""
    dataset: Path
    resolution: int
    """Pixels."""
    regularisation: Path | None
    """None where there are no such pictures."""
    vae: Path | None
    """None for the base's own."""
    network_weights: Path | None
    """None where training starts anew."""
    output: Path
    tokenizers: Path
    logs: Path


def flags(params: Train, place: Place, tag: str) -> dict[str, Any]:
    """Every flag with its value; True for a switch, a list for several values.

    A flag that came after the release `tag` is left out where it has its parser's default.
    """
    given = {**_of_params(params), **{name: value for name, value in params.kohya_args.items() if value is not None}}
    given["network_args"] = [*_network_args(params), *(given.get("network_args") or ())]
    owned = {
        "pretrained_model_name_or_path": place.base,
        "v2": place.family == "sd_v2",
        "train_data_dir": place.dataset,
        "reg_data_dir": place.regularisation,
        "vae": place.vae,
        "network_weights": place.network_weights,
        "resolution": f"{place.resolution},{place.resolution}",
        "caption_extension": ".txt",
        "output_dir": place.output,
        "save_model_as": "safetensors",
        "save_state": not counts_steps(params),
        "save_last_n_epochs_state": None if counts_steps(params) else 1,
        "logging_dir": place.logs,
        "log_with": "tensorboard",
        "tokenizer_cache_dir": place.tokenizers,
    }
    everything = {"max_data_loader_n_workers": LOADERS, **given, **owned}
    return {
        name: value
        for name, value in everything.items()
        if not _is_absent(value) and not (_is_newer(name, tag) and value == ARGUMENTS[name].default)
    }


def _is_newer(name: str, tag: str) -> bool:
    """Whether the flag came after the release."""
    since, order = ARGUMENTS[name].since, [*COMMITS]
    return bool(since) and order.index(tag) > order.index(since)


def _is_absent(value: Any) -> bool:
    """Not given, a switch that is off, no values; 0 is a value."""
    return value is None or value is False or value in ([], ())


def _of_params(params: Train) -> dict[str, Any]:
    """The keys of `train` that are flags of sd-scripts."""
    values = {
        name: value
        for name, value in params.model_dump().items()
        if name in ARGUMENTS and "kohya" in FLAGS[name].backends and name not in NOT_A_FLAG
    }
    if values.get("max_token_length") == 75:
        values["max_token_length"] = None  # kohya's flag knows 150 and 225 alone
    if float(values["lr_warmup_steps"]).is_integer():
        values["lr_warmup_steps"] = int(values["lr_warmup_steps"])  # with a point, sd-scripts reads a share of all
    return values


def _network_args(params: Train) -> list[str]:
    """Keys of `train` that sd-scripts takes as arguments of the network. LyCORIS has its own default of conv_alpha."""
    alpha = 1.0 if params.conv_alpha is None and params.network_module == LORA else params.conv_alpha
    given = {"conv_dim": params.conv_dim, "conv_alpha": alpha} if params.conv_dim is not None else {}
    convolutions = {name: value for name, value in given.items() if value is not None}
    dropout = {name: value for name in ("rank_dropout", "module_dropout") if (value := getattr(params, name))}
    return [f"{name}={value}" for name, value in {**convolutions, **dropout}.items()]


def arguments(given: Mapping[str, Any]) -> list[str]:
    """The flags as a command line takes them: `--name=value`, `--name` for a switch, `--name a b` for a list."""
    listed: list[str] = []
    for name, value in given.items():
        if ARGUMENTS[name].kind == "switch":
            listed.append(f"--{name}")
        elif isinstance(value, list | tuple):
            listed += [f"--{name}", *_values(name, value)]
        else:
            listed.append(f"--{name}={value}")
    return listed


def _values(name: str, values: Iterable[Any]) -> list[str]:
    texts = [str(value) for value in values]
    for text in texts:
        if text.startswith("--"):
            raise SpriteLoraError(f"train.{name}: {text!r} is no value but would be read as a flag")
    return texts


def check_flags(given: Mapping[str, Any], family: str, tag: str) -> None:
    """Raise SpriteLoraError for flags that this release, or its script for this family, does not have."""
    for name in given:
        if _is_newer(name, tag):
            since = ARGUMENTS[name].since
            raise SpriteLoraError(
                f"train: `{name}` came with {since}, and the checkout is {tag}",
                f"uv run sprite-lora kohya install --tag {since}",
            )
    for _, message in wrong_script(given, family):
        raise SpriteLoraError(f"train: {message}", "leave it out")


def launch(processes: int, mixed_precision: str, cuda: bool, cores: int) -> list[str]:
    """`accelerate launch` with everything said that it would else take from a file of its own on this machine."""
    threads = max(1, cores // processes)
    command = ["-m", "accelerate.commands.launch", f"--num_processes={processes}", "--num_machines=1"]
    command += [
        "--dynamo_backend=no",
        f"--mixed_precision={mixed_precision}",
        f"--num_cpu_threads_per_process={threads}",
    ]
    if processes > 1:
        command += ["--multi_gpu", "--main_process_port=0"]
    return command if cuda else [*command, "--cpu"]
