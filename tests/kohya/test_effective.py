"""Settings in effect: kohya's defaults, settings that do nothing, what is given and what is not known."""

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from sprite_lora.kohya.effective import Value, resolve
from sprite_lora.kohya.train_params import FLAGS


def effective(**given: Any) -> dict[str, Value]:
    return resolve(given)


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({}, "network_dim", 4),
        ({}, "max_token_length", 75),
        ({}, "save_precision", "float"),
        ({"full_bf16": True}, "save_precision", "bf16"),
        ({"save_precision": "fp32"}, "save_precision", "float"),
        ({"learning_rate": 1e-4}, "unet_lr", 1e-4),
        ({"learning_rate": 1e-4, "unet_lr": 0}, "unet_lr", 0),
        ({"network_dim": 32, "network_alpha": 0}, "network_alpha", 32),
        ({"network_dim": 32, "network_alpha": None}, "network_alpha", 1.0),
        ({"min_snr_gamma": 0}, "min_snr_gamma", None),
        ({"noise_offset": 0.0}, "noise_offset", None),
        ({"seed": 0}, "seed", 0),
        ({"clip_skip": 1}, "clip_skip", None),
        ({"resolution": "512,512"}, "resolution", "512x512"),
        ({"resolution": "(512, 512)"}, "resolution", "512x512"),
        ({"resolution": [512, 768]}, "resolution", "512x768"),
        ({"resolution": 576}, "resolution", "576x576"),
        ({"optimizer_type": "bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1)"}, "optimizer_type", "AdamW8bit"),
        ({"optimizer_args": []}, "optimizer_args", None),
    ],
)
def test_effective_value(given: dict[str, Any], name: str, value: object) -> None:
    assert effective(**given)[name].value == value


@pytest.mark.parametrize(
    ("given", "name", "active"),
    [
        ({}, "keep_tokens", False),
        ({"shuffle_caption": True}, "keep_tokens", True),
        ({"caption_tag_dropout_rate": 0.1}, "keep_tokens", True),
        ({}, "multires_noise_discount", False),
        ({"multires_noise_iterations": 6}, "multires_noise_discount", True),
        ({"lr_scheduler": "cosine"}, "lr_scheduler_num_cycles", False),
        ({"lr_scheduler": "cosine_with_restarts"}, "lr_scheduler_num_cycles", True),
        ({"enable_bucket": True}, "bucket_no_upscale", True),
        ({}, "learning_rate", False),
        ({"network_train_unet_only": True}, "text_encoder_lr", False),
        ({"max_train_epochs": 10}, "max_train_steps", False),
    ],
)
def test_what_does_nothing_is_told_from_what_does(given: dict[str, Any], name: str, active: bool) -> None:
    value = effective(**given)[name]
    assert value.active is active
    assert bool(value.idle) is not active


def test_activity_that_hangs_on_something_unknown_is_unknown() -> None:
    value = resolve({"bucket_no_upscale": True}, unlisted="unknown")["bucket_no_upscale"]
    assert (value.value, value.active) == (True, None)


def test_unknown_is_neither_given_nor_default() -> None:
    values = resolve({"network_dim": 8, "seed": None}, unknown={"network_alpha": "lost"}, unlisted="unknown")
    assert (values["network_dim"].state, values["seed"].state) == ("given", "default")
    assert (values["network_alpha"].state, values["network_alpha"].note) == ("unknown", "lost")
    assert values["unet_lr"].state == "unknown"


def test_sdxl_ignores_clip_skip() -> None:
    assert resolve({"clip_skip": 2}, ignored={"clip_skip": "not read"})["clip_skip"].active is False
    assert resolve({"clip_skip": 2})["clip_skip"].active is True


def test_defaults_are_those_of_sd_scripts() -> None:
    """Against the source of sd-scripts, where its checkout is named; what a default stands for is left out."""
    checkout = os.environ.get("SD_SCRIPTS", "")
    if not (Path(checkout) / "train_network.py").is_file():
        pytest.skip("$SD_SCRIPTS names no checkout of sd-scripts")
    known: dict[str, Any] = {}
    for file in ("library/train_util.py", "train_network.py", "library/custom_train_functions.py"):
        for node in ast.walk(ast.parse((Path(checkout) / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                known.setdefault(*argument(node))
    stands_for = {"network_dim", "optimizer_type", "save_precision", "max_token_length"}
    compared = [name for name in FLAGS if name in known and name not in stands_for]
    assert len(compared) > 60
    assert {name: FLAGS[name].default for name in compared} == {name: known[name] for name in compared}


def argument(call: ast.Call) -> tuple[str, Any]:
    """(name, default) of one `add_argument`."""
    assert isinstance(call.args[0], ast.Constant)
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    name = str(call.args[0].value).lstrip("-")
    if "action" in options:
        return name, False
    default = options.get("default")
    return name, default.value if isinstance(default, ast.Constant) else None
