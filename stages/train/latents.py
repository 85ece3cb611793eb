"""Pictures as the U-Net sees them: the autoencoder's latents, encoded once, held in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core import rng
from sprite_lora.core.errors import SpriteLoraError


@dataclass(frozen=True)
class Posterior:
    """Mean and deviation of one picture's latent, (C, H, W) each, unscaled, on the CPU."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def draw(self, seed: int, *where: int | str) -> torch.Tensor:
        """One sample, a function of (seed, where)."""
        return self.mean + self.deviation * rng.normal(tuple(self.mean.shape), seed, "latent", *where)


def read_picture(path: Path, resolution: int) -> torch.Tensor:
    """(3, H, W) in -1..1: x / 127.5 - 1. Raises SpriteLoraError where it cannot be read or is of another size."""
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    except (OSError, ValueError) as error:
        raise SpriteLoraError(f"{path}: not a readable picture: {error}", "run: dvc repro package") from None
    if pixels.shape[:2] != (resolution, resolution):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise SpriteLoraError(f"{path}: {found} pixels; training is at {resolution}x{resolution}", "enlarge it so")
    return torch.from_numpy(pixels / 127.5 - 1.0).permute(2, 0, 1).contiguous()


@torch.no_grad()
def encode_picture(base: BaseModel, picture: torch.Tensor) -> Posterior:
    """The autoencoder's posterior, in float32, one picture at a time so that no batch changes its bits.

    Raises SpriteLoraError where it is not finite; kohya replaces NaN by 0 or says nothing.
    """
    posterior = base.vae.encode(picture[None].to(base.vae.device)).latent_dist
    mean, deviation = posterior.mean[0].float().cpu(), posterior.std[0].float().cpu()
    if not (mean.isfinite().all() and deviation.isfinite().all()):
        raise SpriteLoraError("the base model's autoencoder gives values that are not finite", "check paths.base")
    return Posterior(mean, deviation)


def encode_file(base: BaseModel, resolution: int, path: Path) -> Posterior:
    """`encode_picture` of a file."""
    return encode_picture(base, read_picture(path, resolution))
