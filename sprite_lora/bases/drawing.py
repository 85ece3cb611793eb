"""One picture from a prompt: encoded text, noise, denoising with classifier-free guidance, the autoencoder's decoder.

A LoRA acts on it by being applied to the base model: `lora.network.applied`.
"""

import inspect
from dataclasses import dataclass
from typing import Any

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.bases.sample_params import Sample
from sprite_lora.bases.samplers import SAMPLERS
from sprite_lora.bases.schedule import rescaled_for_drawing
from sprite_lora.bases.text import Encoded


@dataclass(frozen=True)
class Drawing:
    """How a picture is drawn."""

    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    guidance_scale: float
    sampler: str
    """A name of `samplers.SAMPLERS`."""
    resolution: int
    """Side of the picture, in pixels."""
    max_token_length: int
    """75, 150 or 225: the U-Net reads as many windows as it was trained with."""
    clip_skip: int | None
    v_prediction: bool
    zero_terminal_snr: bool = False
    """Whether the LoRA was trained so: `schedule.rescaled_for_drawing`."""

    @classmethod
    def of(cls, sample: Sample, name: str, resolution: int, **trained: Any) -> "Drawing":
        """The section `sample`'s prompt of that name. `trained`: the other fields, which the training decides."""
        return cls(
            prompt=sample.prompts[name],
            negative_prompt=sample.negative_prompt,
            seed=sample.seed,
            steps=sample.steps,
            guidance_scale=sample.guidance_scale,
            sampler=sample.scheduler,
            resolution=resolution,
            **trained,
        )


def draw(base: BaseModel, drawing: Drawing) -> tuple[NDArray[np.uint8], bool]:
    """The picture (resolution, resolution, 3), and whether all its numbers were finite."""
    prompt, negative = (conditioning(base, drawing, text) for text in (drawing.prompt, drawing.negative_prompt))
    return decode(base.vae, draw_latents(base, drawing, prompt, negative))


def draw_in_turn(base: BaseModel, drawings: list[Drawing]) -> list[tuple[NDArray[np.uint8], bool]]:
    """`draw` of each, on a GPU that has not room for all parts at once: first all texts, then all latents, then pixels.

    The text encoders are in main memory while the U-Net works, and the U-Net while the autoencoder decodes. The
    pictures are those of `draw`; afterwards the base is where it was.
    """
    device = base.unet.device
    texts = [
        [conditioning(base, drawing, text) for text in (drawing.prompt, drawing.negative_prompt)]
        for drawing in drawings
    ]
    try:
        for part in (*base.text_encoders, base.vae):
            part.to("cpu")
        latents = [
            draw_latents(base, drawing, *encoded).cpu() for drawing, encoded in zip(drawings, texts, strict=True)
        ]
        base.unet.to("cpu")
        base.vae.to(device)
        return [decode(base.vae, each) for each in latents]
    finally:
        base.to(device)


DECODING = 10_000
"""Bytes of GPU memory for a pixel that the autoencoder decodes in float32: its widest layers at full size."""


def needs_turns(base: BaseModel, resolution: int) -> bool:
    """Whether the base is on a GPU whose free memory will not hold the decoding of a picture beside all parts."""
    device = base.unet.device
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch's own, given back at need
    return free + cached < DECODING * resolution**2


def draw_latents(base: BaseModel, drawing: Drawing, prompt: Encoded, negative: Encoded) -> Tensor:
    """`denoise` with a drawing's settings."""
    return denoise(
        base,
        scheduler(drawing.sampler, base.scheduler, drawing.v_prediction, drawing.zero_terminal_snr),
        prompt,
        negative,
        steps=drawing.steps,
        guidance_scale=drawing.guidance_scale,
        resolution=drawing.resolution,
        generator=noise_generator(drawing.seed),
    )


@torch.no_grad()
def conditioning(base: BaseModel, drawing: Drawing, text: str) -> Encoded:
    """One prompt, encoded by itself, in the trainer's windows."""
    return base.encode([text], drawing.max_token_length, drawing.clip_skip)


def scheduler(sampler: str, config: dict[str, Any], v_prediction: bool, zero_terminal_snr: bool = False) -> Any:
    """diffusers' scheduler of a sampler over the base model's own noise schedule (betas, kind of prediction)."""
    settings = {**SAMPLERS[sampler].settings, **rescaled_for_drawing(v_prediction, zero_terminal_snr)}
    if v_prediction:
        settings["prediction_type"] = "v_prediction"
    return getattr(diffusers, SAMPLERS[sampler].scheduler).from_config(config, **settings)


def noise_generator(seed: int) -> torch.Generator:
    """Where one picture's random numbers come from: on the CPU, so that they are the same on every machine."""
    return torch.Generator("cpu").manual_seed(seed)


@torch.no_grad()
def denoise(  # noqa: PLR0913  plain settings, by name
    base: BaseModel,
    scheduler: Any,
    prompt: Encoded,
    negative: Encoded,
    *,
    steps: int,
    guidance_scale: float,
    resolution: int,
    generator: torch.Generator,
) -> Tensor:
    """Latents (1, channels, height, width), float32, of the picture of `resolution` pixels that `prompt` describes.

    Each step's prediction is negative + guidance_scale * (prompt - negative), Ho & Salimans (2022), eq. 6. The
    scheduler computes in float32 whatever the U-Net's dtype. Eight parameters: the four by name are plain numbers.
    """
    device = base.unet.device
    guided = guidance_scale != 1
    encoded = prompt.after(negative) if guided else prompt

    scheduler.set_timesteps(steps, device=device)
    side = base.latent_side(resolution)
    shape = (1, base.unet.config.in_channels, side, side)
    latents: Tensor = torch.randn(shape, generator=generator).to(device) * scheduler.init_noise_sigma
    extra = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for timestep in scheduler.timesteps:
        noisy = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, timestep)
        predicted = base.predict(noisy, timestep, encoded, resolution).float()
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
