"""Which weights are trained by what, at which rate over the run, and how far a module may change its layer."""

import ast
import importlib
import math
from collections.abc import Iterable
from typing import Any

import torch

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.rows.optimisation import Optimizer
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.adapter import Addition, Network


def parameter_groups(network: Network, params: Train) -> list[dict[str, Any]]:
    """Text encoders and U-Net, each with its rate; a rate of 0 leaves the part out (kohya `prepare_optimizer_params`).

    For SDXL one text_encoder_lr holds for both encoders. `name` is what the rate is logged under.
    """
    parts = [
        ("textencoder", params.rate_of_text_encoder, network.text_weights()),
        ("unet", params.rate_of_unet, network.unet_weights()),
    ]
    groups: list[dict[str, Any]] = [
        {"name": name, "params": weights, "lr": rate} for name, rate, weights in parts if rate and weights
    ]
    return groups


def optimizer_arguments(optimizer_args: tuple[str, ...]) -> dict[str, Any]:
    """`["weight_decay=0.1", "betas=0.9,0.99"]` as keyword arguments, values read as Python literals, as kohya does."""
    arguments: dict[str, Any] = {}
    for text in optimizer_args:
        key, equals, value = text.partition("=")
        try:
            if not equals:
                raise ValueError("no `=`")
            arguments[key.strip()] = ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise SpriteLoraError(
                f"train.optimizer_args: {text!r} is not key=value: {error}", "such as weight_decay=0.1"
            ) from None
    return arguments


CLASSES: dict[Optimizer, str] = {
    "AdamW": "torch.optim:AdamW",
    "AdamW8bit": "bitsandbytes.optim:AdamW8bit",
    "Adafactor": "transformers.optimization:Adafactor",
    "Lion": "lion_pytorch:Lion",
    "Prodigy": "prodigyopt:Prodigy",
}
"""kohya's name to module and class."""


def optimizer_class(optimizer_type: Optimizer) -> type[torch.optim.Optimizer]:
    """The class behind kohya's name, from its package. Raises SpriteLoraError where that is not installed."""
    module, _, name = CLASSES[optimizer_type].partition(":")
    try:
        kind: type[torch.optim.Optimizer] = getattr(importlib.import_module(module), name)
    except ImportError:
        raise SpriteLoraError(
            f"train.optimizer_type {optimizer_type} needs {module.partition('.')[0]}, which is not installed",
            "on a machine with a CUDA GPU: uv sync --extra gpu; without one use AdamW",
        ) from None
    return kind


def make_optimizer(groups: list[dict[str, Any]], params: Train) -> torch.optim.Optimizer:
    """The optimizer with its package's defaults, changed by optimizer_args. As in kohya, Adafactor sets its rates."""
    arguments = optimizer_arguments(params.optimizer_args)
    rates: dict[str, Any] = {"lr": params.learning_rate}
    if params.lr_scheduler == "adafactor":
        arguments.setdefault("relative_step", True)
        groups = [{key: value for key, value in group.items() if key != "lr"} for group in groups]
        rates = {"lr": None}
    kind: Any = optimizer_class(params.optimizer_type)
    try:
        optimizer: torch.optim.Optimizer = kind(groups, **rates, **arguments)
    except (TypeError, ValueError) as error:
        raise SpriteLoraError(f"train.optimizer_args: {params.optimizer_type} refuses them: {error}") from None
    return optimizer


def used_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Rate per part, as the last step used it; Adafactor's is its own, Prodigy's is times its estimate `d`."""
    rates = {}
    for group in optimizer.param_groups:
        rate = group["lr"]
        if rate is None:
            state = optimizer.state[group["params"][0]]
            rate = type(optimizer)._get_lr(group, state)  # type: ignore[attr-defined]
        rates[f"lr/{group['name']}"] = float(rate) * float(group.get("d", 1.0))
    return rates


def described(optimizer: torch.optim.Optimizer, params: Train) -> str:
    """kohya's `ss_optimizer`: `torch.optim.adamw.AdamW(weight_decay=0.1)`."""
    arguments = optimizer_arguments(params.optimizer_args)
    if params.lr_scheduler == "adafactor":
        arguments.setdefault("relative_step", True)
    kind = type(optimizer)
    listed = ",".join(f"{key}={value}" for key, value in arguments.items())
    return f"{kind.__module__}.{kind.__name__}" + (f"({listed})" if listed else "")


def warmup_steps(lr_warmup_steps: int | float, steps: int) -> int:
    """kohya: a whole number is steps, a fraction below 1 a share of all steps."""
    return int(lr_warmup_steps * steps) if lr_warmup_steps < 1 else int(lr_warmup_steps)


def rate_factor(name: str, step: int, steps: int, warmup: int, cycles: int) -> float:
    """Factor for the optimizer step that follows `step` done ones, of `steps` in all (transformers' schedules).

    During warm-up step / warmup. After it, with progress p = (step - warmup) / (steps - warmup): linear 1 - p;
    cosine (1 + cos(pi p)) / 2; cosine_with_restarts the same of (cycles p) mod 1, and 0 from p = 1.
    """
    if name in ("constant", "adafactor"):
        return 1.0
    if step < warmup:
        return step / warmup
    if name == "constant_with_warmup":
        return 1.0
    progress = (step - warmup) / max(1, steps - warmup)
    if name == "linear":
        return max(0.0, 1 - progress)
    if name == "cosine":
        return max(0.0, 0.5 * (1 + math.cos(math.pi * progress)))
    assert name == "cosine_with_restarts", name
    return 0.0 if progress >= 1 else 0.5 * (1 + math.cos(math.pi * ((cycles * progress) % 1.0)))


def scale_down(loras: Iterable[Addition], largest: float) -> int:
    """kohya's `scale_weight_norms`, after a step. Returns how many modules were scaled."""
    return sum(lora.limit_norm(largest) for lora in loras)
