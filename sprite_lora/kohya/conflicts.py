"""What each flag of the section `train` allows by itself, and not all of them together."""

from typing import Any

from sprite_lora.kohya.network_args import problems


def part_rate(trained: bool, own: float | None, general: float) -> float:
    """Learning rate of one part of the network."""
    if not trained:
        return 0.0
    return general if own is None else own


def conflicts(values: dict[str, Any]) -> list[tuple[bool, str]]:
    """Whether each rule on several keys is broken, and what to say then."""
    scheduler, general = values["lr_scheduler"], values["learning_rate"]
    unet_only, text_only = values["network_train_unet_only"], values["network_train_text_encoder_only"]
    sets_rates = values["optimizer_type"] == "Adafactor" and "relative_step=False" not in values["optimizer_args"]
    rates = (
        part_rate(not text_only, values["unet_lr"], general),
        part_rate(not unet_only, values["text_encoder_lr"], general),
    )
    return [
        *((values["backend"] == "native", problem) for problem in problems(values)),
        (
            unet_only and text_only,
            "network_train_unet_only and network_train_text_encoder_only leave nothing to train: keep one",
        ),
        (not any(rates), "nothing to train: every part's learning rate is 0"),
        (
            values["conv_alpha"] is not None and values["conv_dim"] is None,
            "conv_alpha does nothing without conv_dim",
        ),
        (values["xformers"] and values["sdpa"], "xformers and sdpa are two ways to do the same: keep one"),
        (
            values["adaptive_noise_scale"] is not None and not values["noise_offset"],
            "adaptive_noise_scale changes noise_offset, which is not set",
        ),
        (
            scheduler in ("constant", "adafactor") and values["lr_warmup_steps"] != 0,
            f"lr_scheduler {scheduler} has no warm-up: lr_warmup_steps must be 0 (or take constant_with_warmup)",
        ),
        (
            sets_rates != (scheduler == "adafactor"),
            "optimizer_type Adafactor sets its own rates: lr_scheduler must be adafactor then, and only then"
            " (unless optimizer_args has relative_step=False)",
        ),
    ]
