"""One batch's noise and timesteps, and how the base model is computed in training."""

from typing import Any

import torch

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core import rng
from sprite_lora.kohya.train_params import Train
from stages.train import noise


def batch_noise(latents: torch.Tensor, params: Train, number: int) -> torch.Tensor:
    """Noise for a batch of latents, a function of (seed, batch number): plain, then offset, then pyramid, as kohya."""
    seed = params.seed
    drawn = rng.normal(tuple(latents.shape), seed, "noise", number)
    if params.noise_offset:
        offset = rng.normal((*latents.shape[:2], 1, 1), seed, "noise offset", number)
        drawn = noise.offset_noise(drawn, latents, params.noise_offset, params.adaptive_noise_scale, offset)
    if params.multires_noise_iterations:
        discount = params.multires_noise_discount
        drawn = noise.pyramid_noise(drawn, params.multires_noise_iterations, discount, seed, number)
    return drawn


def batch_timesteps(pictures: int, timesteps: int, seed: int, number: int) -> torch.Tensor:
    """One timestep per picture, uniform over 0..timesteps-1, a function of (seed, batch number)."""
    return torch.randint(0, timesteps, (pictures,), generator=rng.generator(seed, "timestep", number))


def set_attention(unet: Any, xformers: bool, sdpa: bool) -> None:
    """How the U-Net computes attention: xformers, torch's fast one, or plainly; the same result up to rounding."""
    from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

    if xformers:
        unet.enable_xformers_memory_efficient_attention()
    else:
        unet.set_attn_processor(AttnProcessor2_0() if sdpa else AttnProcessor())


def set_gradient_checkpointing(base: BaseModel, text_encoders: bool) -> None:
    """Recompute activations instead of keeping them. Needs training mode, where these models have no dropout."""
    base.unet.enable_gradient_checkpointing()
    base.unet.train()
    for encoder in base.text_encoders if text_encoders else []:
        encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        encoder.train()
        assert encoder.config.attention_dropout == 0, "a text encoder with dropout"
