"""A base model's noise schedule: how much of a picture is left at each timestep, in training and in drawing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from sprite_lora.core.errors import SpriteLoraError

Config = Mapping[str, Any]
"""A scheduler's config, as diffusers writes it."""


class Schedule(NamedTuple):
    """What training needs of a noise schedule, one value per timestep, float32."""

    alphas: torch.Tensor
    """Cumulative product of 1 - beta: the share of the picture's power that is left."""
    snr: torch.Tensor
    """Signal-to-noise ratio that losses are weighed by: alpha / (1 - alpha) of the betas before they are rescaled."""


def noise_schedule(config: Config, zero_terminal_snr: bool = False) -> Schedule:
    """The schedule that a base model is trained on.

    Betas are diffusers' own (`DDPMScheduler`: linear, scaled_linear, squaredcos_cap_v2, sigmoid, laplace, or
    `trained_betas`). They are rescaled to a last alpha of 0 (Lin et al., arXiv:2305.08891, algorithm 1) where the
    config says `rescale_betas_zero_snr`, or the flag zero_terminal_snr. As in sd-scripts (train_network.py
    `get_noise_scheduler`, v0.10.1) the signal-to-noise ratio is that of the betas before: it is never 0.

    Raises SpriteLoraError for a schedule that diffusers does not know.
    """
    rescaled = zero_terminal_snr or bool(config.get("rescale_betas_zero_snr"))
    alphas = _alphas(config, rescaled=False)
    return Schedule(_alphas(config, rescaled=True) if rescaled else alphas, signal_to_noise(alphas))


def signal_to_noise(alphas: torch.Tensor) -> torch.Tensor:
    """SNR = alpha / (1 - alpha) of the cumulative products (Hang et al., arXiv:2303.09556)."""
    return alphas / (1 - alphas)


def _alphas(config: Config, rescaled: bool) -> torch.Tensor:
    from diffusers import DDPMScheduler

    named = ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps", "trained_betas")
    betas = {name: config[name] for name in named if name in config}
    try:
        alphas: torch.Tensor = DDPMScheduler(**betas, rescale_betas_zero_snr=rescaled).alphas_cumprod
    except NotImplementedError:
        raise unknown_schedule(config) from None
    return alphas


def unknown_schedule(config: Config) -> SpriteLoraError:
    """What to say of a config whose noise schedule is none that is known here."""
    return SpriteLoraError(
        f"the base model's noise schedule {config.get('beta_schedule')!r} is not known here",
        "its scheduler_config.json must say beta_schedule linear, scaled_linear or squaredcos_cap_v2, or trained_betas",
    )


def rescaled_for_drawing(v_prediction: bool, zero_terminal_snr: bool) -> dict[str, Any]:
    """What a sampler's config gets for a LoRA that was trained with zero_terminal_snr: the same betas, from pure noise.

    `timestep_spacing` trailing, so that the first step is the last timestep (Lin et al., section 3.3). Nothing where
    the noise is predicted: at the last timestep the input is that noise alone and says nothing of the picture.
    """
    if not (zero_terminal_snr and v_prediction):
        return {}
    return {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
