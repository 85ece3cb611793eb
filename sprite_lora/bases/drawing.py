"""One picture from noise: denoising with classifier-free guidance, then the autoencoder's decoder."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from numpy.typing import NDArray
from torch import Tensor

SCHEDULERS = {
    "ddim": (DDIMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "dpm++_2m": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
}
"""DDIM: Song et al. (2020), eta 0. Euler, Euler a: Karras et al. (2022), k-diffusion. DPM++ 2M: Lu et al. (2022)."""


@dataclass(frozen=True)
class Conditioning:
    """A prompt as the U-Net takes it."""

    states: Tensor
    """(1, positions, width): the windows' hidden states."""
    pooled: Tensor | None = None
    """(1, width) of SDXL's second encoder; None for SD1.5 and SD2."""


def scheduler(name: str, config: dict[str, Any], v_prediction: bool) -> Any:
    """diffusers' scheduler of that name over the base model's own noise schedule (betas, kind of prediction)."""
    kind, settings = SCHEDULERS[name]
    if v_prediction:
        settings = {**settings, "prediction_type": "v_prediction"}
    return kind.from_config(config, **settings)


def noise_generator(seed: int) -> torch.Generator:
    """Where one picture's random numbers come from: on the CPU, so that they are the same on every machine."""
    return torch.Generator("cpu").manual_seed(seed)


@torch.no_grad()
def denoise(
    unet: Any,
    scheduler: Any,
    prompt: Conditioning,
    negative: Conditioning,
    *,
    steps: int,
    guidance_scale: float,
    latent_size: int,
    resolution: int,
    generator: torch.Generator,
) -> Tensor:
    """Latents (1, channels, latent_size, latent_size), float32, of the picture that `prompt` describes.

    Each step's prediction is negative + guidance_scale * (prompt - negative), Ho & Salimans (2022), eq. 6. The
    scheduler computes in float32 whatever the U-Net's dtype. `resolution`, in pixels, is SDXL's size conditioning.
    """
    device, dtype = unet.device, unet.dtype
    guided = guidance_scale != 1
    states = torch.cat([negative.states, prompt.states]) if guided else prompt.states
    added = None
    if prompt.pooled is not None and negative.pooled is not None:
        pooled = torch.cat([negative.pooled, prompt.pooled]) if guided else prompt.pooled
        # Original height and width, crop top and left, target height and width, as sd-scripts draws its samples.
        size = torch.tensor([[resolution, resolution, 0, 0, resolution, resolution]], device=device, dtype=dtype)
        added = {"text_embeds": pooled.to(device, dtype), "time_ids": size.repeat(len(pooled), 1)}
    states = states.to(device, dtype)

    scheduler.set_timesteps(steps, device=device)
    shape = (1, unet.config.in_channels, latent_size, latent_size)
    latents: Tensor = torch.randn(shape, generator=generator).to(device) * scheduler.init_noise_sigma
    extra = {"generator": generator} if isinstance(scheduler, EulerAncestralDiscreteScheduler) else {}
    for timestep in scheduler.timesteps:
        noisy = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, timestep)
        predicted = unet(
            noisy.to(dtype), timestep, encoder_hidden_states=states, added_cond_kwargs=added
        ).sample.float()
        if guided:
            from_negative, from_prompt = predicted.chunk(2)
            predicted = from_negative + guidance_scale * (from_prompt - from_negative)
        latents = scheduler.step(predicted, timestep, latents, **extra).prev_sample
    return latents


@torch.no_grad()
def decode(vae: Any, latents: Tensor) -> tuple[NDArray[np.uint8], bool]:
    """The picture (height, width, 3) of latents (1, channels, h, w), and whether all its numbers were finite.

    What is not finite becomes black: a broken LoRA shows as a black picture, as in every web UI.
    """
    pixels = vae.decode(latents.to(vae.device, vae.dtype) / vae.config.scaling_factor).sample[0].float()
    finite = bool(pixels.isfinite().all())
    pixels = (pixels / 2 + 0.5).nan_to_num(0, 0, 0).clamp(0, 1)
    return (pixels.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8), finite
