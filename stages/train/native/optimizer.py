"""Which weights are trained by what, at which rate over the run, and how far a module may change its layer."""

import importlib
import math
from collections.abc import Iterable
from typing import Any

import torch

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.arguments import keyword_arguments
from sprite_lora.kohya.conflicts import Rates
from sprite_lora.kohya.rows.optimisation import Optimizer
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.adapter import Addition, Network


def parameter_groups(network: Network, params: Train) -> list[dict[str, Any]]:
    """Text encoders and U-Net, each with its rate; a rate of 0 leaves the part out (kohya `prepare_optimizer_params`).

    One text_encoder_lr holds for all text encoders, a list has one for each, in the order in which the U-Net reads them
    (for SDXL CLIP ViT-L, then OpenCLIP ViT-bigG). sd-scripts' networks.lora reads the first of a list alone. `name` is
    what the rate is logged under.
    """
    parts = [
        *text_parts(network, params.rate_of_text_encoder),
        ("unet", params.rate_of_unet, network.unet_weights()),
    ]
    groups: list[dict[str, Any]] = [
        {"name": name, "params": weights, "lr": rate} for name, rate, weights in parts if rate and weights
    ]
    return groups


def text_parts(network: Network, rates: Rates) -> list[tuple[str, float, list[torch.nn.Parameter]]]:
    """Name, rate and weights of each part of the text encoders that has a rate of its own."""
    if not isinstance(rates, tuple):
        return [("textencoder", rates, network.text_weights())]
    encoders = sorted({lora.name.split("_")[1] for lora in network.loras if lora.name.startswith("lora_te")})
    if len(rates) != len(encoders):
        raise SpriteLoraError(
            f"train.text_encoder_lr has {len(rates)} rates, the base model has {len(encoders)} text encoders",
            "give one number for all of them, or a list of one for each",
        )
    return [
        (f"textencoder{number}", rate, network.text_weights(f"lora_{encoder}_"))
        for number, (encoder, rate) in enumerate(zip(encoders, rates, strict=True), start=1)
    ]


def optimizer_arguments(optimizer_args: tuple[str, ...]) -> dict[str, Any]:
    """`keyword_arguments` of them. Raises SpriteLoraError for what is none."""
    try:
        return keyword_arguments(optimizer_args)
    except ValueError as error:
        raise SpriteLoraError(f"train.optimizer_args: {error}", "such as weight_decay=0.1") from None


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
    """Rate per part, as the last step used it; Adafactor's is its own, Prodigy's is times its estimate `d`.

    Adafactor has none for a part of which no weight has been changed yet: dropout or an overflow left them all out.
    """
    rates = {}
    for group in optimizer.param_groups:
        rate = group["lr"]
        if rate is None:
            states = (optimizer.state[weight] for weight in group["params"])
            stepped = next((state for state in states if "step" in state), None)
            if stepped is None:
                continue
            rate = type(optimizer)._get_lr(group, stepped)  # type: ignore[attr-defined]
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


def least_factor(params: Train) -> float:
    """The factor at which a schedule ends: lr_end of polynomial, min_lr of cosine_with_min_lr, over learning_rate."""
    arguments = keyword_arguments(params.lr_scheduler_args)
    if params.lr_scheduler == "polynomial":
        return float(arguments.get("lr_end", 1e-7) / params.learning_rate)
    if params.lr_scheduler == "cosine_with_min_lr":
        ratio = params.lr_scheduler_min_lr_ratio
        return float(arguments["min_lr"] / params.learning_rate if ratio is None else ratio)
    return 0.0


def rate_factor(
    name: str, step: int, steps: int, warmup: int, cycles: int, power: float = 1.0, least: float = 0.0
) -> float:
    """Factor for the optimizer step that follows `step` done ones, of `steps` in all (transformers' schedules).

    During warm-up step / warmup. After it, with progress p = (step - warmup) / (steps - warmup): linear 1 - p;
    cosine (1 + cos(pi p)) / 2; cosine_with_restarts the same of (cycles p) mod 1, and 0 from p = 1;
    polynomial least + (1 - least) (1 - p) ** power; cosine_with_min_lr least + (1 - least) (1 + cos(pi cycles p)) / 2.
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
    if name == "polynomial":
        return float(least + (1 - least) * max(0.0, 1 - progress) ** power)
    if name == "cosine_with_min_lr":
        return max(0.0, least + (1 - least) * 0.5 * (1 + math.cos(math.pi * cycles * progress)))
    assert name == "cosine_with_restarts", name
    return 0.0 if progress >= 1 else 0.5 * (1 + math.cos(math.pi * ((cycles * progress) % 1.0)))


def scale_down(loras: Iterable[Addition], largest: float) -> int:
    """kohya's `scale_weight_norms`, after a step. Returns how many modules were scaled."""
    return sum(lora.limit_norm(largest) for lora in loras)
