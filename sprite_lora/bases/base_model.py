"""The base model: from a diffusers folder or one .safetensors file, or from the list of one; never from a pickle."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from sprite_lora.bases.autoencoder import external_vae, load_vae
from sprite_lora.bases.family import Family
from sprite_lora.bases.parts import Parts
from sprite_lora.bases.registry import family_of
from sprite_lora.bases.text import Encoded
from sprite_lora.bases.weights import require_own_folders
from sprite_lora.bases.whole import whole_base


@dataclass(frozen=True)
class BaseModel(Parts):
    """A Stable Diffusion model, frozen: LoRA networks hook into it and never change its weights."""

    family: Family

    @property
    def latent_scale(self) -> float:
        """Factor on the autoencoder's latents: 0.18215 for SD, 0.13025 for SDXL."""
        return float(self.vae.config.scaling_factor)

    def latent_side(self, resolution: int) -> int:
        """Latent cells along a picture's side of `resolution` pixels."""
        return int(resolution // 2 ** (len(self.vae.config.block_out_channels) - 1))

    def encode(self, texts: list[str], max_token_length: int, clip_skip: int | None = None) -> Encoded:
        """`Family.encode` of these texts."""
        return self.family.encode(self, texts, max_token_length, clip_skip)

    def predict(
        self, noisy: Tensor, timesteps: Tensor, encoded: Encoded, resolution: int, sizes: Tensor | None = None
    ) -> Tensor:
        """`Family.predict` with this model."""
        return self.family.predict(self, noisy, timesteps, encoded, resolution, sizes)

    def to(self, device: torch.device) -> "BaseModel":
        """Move all parts. Returns itself."""
        for part in (*self.text_encoders, self.unet, self.vae):
            part.to(device)
        return self


def load_base(
    path: Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", vae: Path | None = None
) -> BaseModel:
    """Load a base model for inference or LoRA training: no gradients, evaluation mode.

    `vae`: `paths.vae`, an autoencoder in the place of the base's own; None or an empty folder leaves that.

    `path` is a diffusers folder (unet/, vae/, text_encoder/, tokenizer/, scheduler/) or one .safetensors file in the
    original Stable Diffusion layout, or the folder of a list of weights. Raises SpriteLoraError for anything else,
    pickled weights among it.
    """
    path = whole_base(path)
    require_own_folders(path)
    family = family_of(path)
    parts = family.load_folder(path, dtype) if path.is_dir() else family.load_file(path, dtype)
    external = external_vae(vae) if vae else None
    if external:
        parts = replace(parts, vae=load_vae(external, parts.vae))
    base = BaseModel(**vars(parts), family=family)
    for part in (*base.text_encoders, base.unet, base.vae):
        part.requires_grad_(False)
        part.eval()
    return base.to(torch.device(device))
