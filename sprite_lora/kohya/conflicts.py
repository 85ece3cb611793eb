"""What each flag of the section `train` allows by itself, and not all of them together."""

import math
from typing import Any, TypeVar

from sprite_lora.kohya.arguments import keyword_arguments
from sprite_lora.kohya.network_args import LORA, problems
from sprite_lora.kohya.optimizer_args import optimizer_problem, sets_rates

SCHEDULER_ARGS = {"polynomial": ("lr_end",), "cosine_with_min_lr": ("min_lr",)}
"""What the native trainer takes in lr_scheduler_args, by lr_scheduler: arguments of transformers' schedules."""

Rates = float | tuple[float, ...]
"""One learning rate, or one per text encoder."""

R = TypeVar("R", float, Rates)


def part_rate(trained: bool, own: R | None, general: float) -> R | float:
    """Learning rate of one part of the network, or rates of its text encoders."""
    if not trained:
        return 0.0
    return general if own is None else own


def schedule_problem(values: dict[str, Any]) -> str:
    """What is wrong with the shape of a learning rate's schedule; empty where nothing is."""
    scheduler, rate = values["lr_scheduler"], values["learning_rate"]
    try:
        arguments = keyword_arguments(values["lr_scheduler_args"])
    except ValueError as error:
        return f"lr_scheduler_args: {error}"
    known = SCHEDULER_ARGS.get(scheduler, ())
    unknown = [name for name in arguments if name not in known]
    if unknown and values["backend"] == "native":
        takes = f"takes {', '.join(known)} alone" if known else "takes none"
        return f"lr_scheduler_args: {', '.join(unknown)}: the native trainer's lr_scheduler {scheduler} {takes}"
    if not all(_is_number(arguments.get(name, 0.0)) for name in known):
        return f"lr_scheduler_args: {', '.join(known)} must be a number from 0"
    if scheduler == "polynomial" and not rate > arguments.get("lr_end", 1e-7):
        return "lr_scheduler polynomial falls from learning_rate to lr_end (lr_scheduler_args, 1e-7): it must be lower"
    if scheduler == "cosine_with_min_lr":
        if (values["lr_scheduler_min_lr_ratio"] is None) == ("min_lr" not in arguments):
            return "lr_scheduler cosine_with_min_lr needs lr_scheduler_min_lr_ratio, or min_lr in lr_scheduler_args"
        if "min_lr" in arguments and not rate > 0:
            return "lr_scheduler cosine_with_min_lr reads min_lr as a share of learning_rate, which is 0"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


CHANGES_CAPTIONS = (
    "shuffle_caption", "caption_dropout_rate", "caption_tag_dropout_rate", "caption_dropout_every_n_epochs",
)  # fmt: skip
"""Flags that give a caption another text at each use."""


def caching_problem(values: dict[str, Any]) -> str:
    """What forbids cache_text_encoder_outputs; empty where nothing does."""
    if not values["cache_text_encoder_outputs"]:
        return ""
    if not values["network_train_unet_only"]:
        return "cache_text_encoder_outputs keeps text states as they are: it needs network_train_unet_only: true"
    changing = [name for name in CHANGES_CAPTIONS if values[name]]
    return f"cache_text_encoder_outputs needs captions that stay: switch off {', '.join(changing)}" if changing else ""


def half_problem(values: dict[str, Any]) -> str:
    """What forbids full_fp16 or full_bf16; empty where nothing does."""
    for flag, precision in (("full_fp16", "fp16"), ("full_bf16", "bf16")):
        if values[flag] and values["mixed_precision"] != precision:
            return f"{flag} needs mixed_precision: {precision}"
    optimizer = values["optimizer_type"]
    if values["full_fp16"] and optimizer in ("AdamW", "Prodigy") and values["backend"] == "native":
        return (
            f"full_fp16 with optimizer_type {optimizer} makes weights that are no numbers, or moves none: squared"
            " gradients and eps are 0 in fp16; take AdamW8bit or Adafactor, or full_bf16"
        )
    return ""


def rates_given(rates: Rates | None) -> tuple[float, ...]:
    """One rate or several, or none, as a tuple."""
    return rates if isinstance(rates, tuple) else () if rates is None else (rates,)


def conflicts(values: dict[str, Any]) -> list[tuple[bool, str]]:
    """Whether each rule on several keys is broken, and what to say then."""
    scheduler, general = values["lr_scheduler"], values["learning_rate"]
    unet_only, text_only = values["network_train_unet_only"], values["network_train_text_encoder_only"]
    rates = (
        part_rate(not text_only, values["unet_lr"], general),
        part_rate(not unet_only, values["text_encoder_lr"], general),
    )
    alone = [problem(values) for problem in (schedule_problem, optimizer_problem, caching_problem, half_problem)]
    trained = {rate for part in rates for rate in (part if isinstance(part, tuple) else (part,)) if rate}
    return [
        *((True, problem) for problem in problems(values)),
        *(
            ((values[one] is None) == (values[other] is None), f"{one} or {other}: give one, the other is null")
            for one, other in (("max_train_epochs", "max_train_steps"), ("save_every_n_epochs", "save_every_n_steps"))
        ),
        *((bool(message), message) for message in alone),
        (
            values["backend"] == "kohya" and len(set(rates_given(values["text_encoder_lr"]))) > 1,
            "text_encoder_lr: sd-scripts trains all text encoders at the first rate; give one number",
        ),
        (
            unet_only and text_only,
            "network_train_unet_only and network_train_text_encoder_only leave nothing to train: keep one",
        ),
        (
            not any(max(rate) if isinstance(rate, tuple) else rate for rate in rates),
            "nothing to train: every part's learning rate is 0",
        ),
        (
            values["conv_alpha"] is not None and values["conv_dim"] is None and values["network_module"] == LORA,
            "conv_alpha does nothing without conv_dim",
        ),
        (values["xformers"] and values["sdpa"], "xformers and sdpa are two ways to do the same: keep one"),
        (
            values["adaptive_noise_scale"] is not None and not values["noise_offset"],
            "adaptive_noise_scale changes noise_offset, which is not set",
        ),
        (
            values["scale_v_pred_loss_like_noise_pred"] and not values["v_parameterization"],
            "scale_v_pred_loss_like_noise_pred weighs losses of velocities: it needs v_parameterization: true",
        ),
        (
            values["max_timestep"] is not None and (values["min_timestep"] or 0) >= values["max_timestep"],
            "min_timestep must be below max_timestep: those from min_timestep to max_timestep - 1 are trained",
        ),
        (
            values["optimizer_type"] == "Prodigy" and len(trained) > 1,
            "optimizer_type Prodigy takes one rate for all parts, or 0: unet_lr and text_encoder_lr must be the same",
        ),
        (
            scheduler in ("constant", "adafactor") and values["lr_warmup_steps"] != 0,
            f"lr_scheduler {scheduler} has no warm-up: lr_warmup_steps must be 0 (or take constant_with_warmup)",
        ),
        (
            sets_rates(values["optimizer_type"], values["optimizer_args"]) != (scheduler == "adafactor"),
            "optimizer_type Adafactor sets its own rates: lr_scheduler must be adafactor then, and only then"
            " (unless optimizer_args has relative_step=False)",
        ),
    ]
