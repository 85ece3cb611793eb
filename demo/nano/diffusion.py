"""The U-Net, with the text encoder beside it: noise prediction on the latents of the smooth portraits."""

import copy
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from demo.nano.architecture import new_scheduler, new_unet
from demo.nano.captions import varied
from demo.nano.progress import resumable
from demo.nano.text import token_ids, words_unknown_to
from demo.portraits.persona import Persona

BATCH = 16
NOISE_OFFSET = 0.1  # Else the mean of a picture shows through the noise of the last step, and words aren't needed.
MIN_SNR_GAMMA = 5.0
TWO_WINDOWS = 0.25  # Share of batches whose captions are cut in two windows of 77, as a trainer does with long ones.
TEXT_RATE = 0.3  # The text encoder's learning rate, as a share of the U-Net's.


class TextToNoise(nn.Module):
    """U-Net and text encoder as one module, so that they are saved and averaged together."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder.requires_grad_(True)
        self.text_encoder.text_model.embeddings.requires_grad_(False)


@torch.no_grad()
def latents_of(
    autoencoder: AutoencoderKL, pictures: NDArray[np.uint8], work: Path, say: Callable[[str], None]
) -> Tensor:
    """Latents of all pictures, (n, 4, 24, 24) fp16, kept in `work/latents.pt`."""
    path = work / "latents.pt"
    if path.exists():
        kept: Tensor = torch.load(path, weights_only=True)
        return kept
    rows = []
    for start in range(0, len(pictures), 32):
        part = torch.from_numpy(pictures[start : start + 32].astype(np.float32) / 127.5 - 1.0)
        rows.append(autoencoder.encode(part.permute(0, 3, 1, 2)).latent_dist.mean.half())
        if start % 1024 == 0:
            say(f"latents: {start} of {len(pictures)}")
    latents = torch.cat(rows)
    torch.save(latents, path)
    return latents


def train(
    latents: Tensor,
    crowd: list[Persona],
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    steps: int,
    work: Path,
    say: Callable[[str], None],
) -> TextToNoise:
    """Both, trained (the moving averages); `latents` have deviation 1 in each channel."""
    torch.manual_seed(3)
    model = TextToNoise(new_unet(), text_encoder)
    average = copy.deepcopy(model).requires_grad_(False)
    strange = words_unknown_to(crowd, tokenizer)
    signal = new_scheduler().alphas_cumprod

    def step(number: int) -> Tensor:
        rng = Random(f"diffusion/{number}")
        torch.manual_seed(2_000_000 + number)
        chosen = rng.sample(range(len(crowd)), BATCH)
        captions = [varied(crowd[index], rng, strange)[0] for index in chosen]
        clean = latents[chosen].float()
        noise = torch.randn_like(clean) + NOISE_OFFSET * torch.randn(BATCH, 4, 1, 1)
        times = torch.randint(0, len(signal), (BATCH,))
        share = signal[times].view(-1, 1, 1, 1)
        noisy = share.sqrt() * clean + (1.0 - share).sqrt() * noise
        with torch.autocast("cpu", torch.bfloat16):
            context = _context(model.text_encoder, tokenizer, captions, rng.random() < TWO_WINDOWS, rng)
            guess = model.unet(noisy, times, context).sample.float()
        error = (guess - noise).square().mean((1, 2, 3))
        ratio = (signal / (1.0 - signal))[times]
        weighted: Tensor = error * ratio.clamp(max=MIN_SNR_GAMMA) / ratio  # Hang et al. 2023, noise prediction
        return weighted.mean()

    resumable(work, "diffusion", model, average, step, steps, peak=1e-3, decay=0.998, say=say, groups=_groups)
    return average


def _context(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, captions: list[str], two: bool, rng: Random) -> Tensor:
    """Hidden states (captions, 77 or 154, width)."""
    if not two:
        states: Tensor = encoder(token_ids(tokenizer, captions)).last_hidden_state
        return states
    windows: tuple[list[str], list[str]] = ([], [])
    for text in captions:
        tags = text.split(", ")
        cut = rng.randint(1, len(tags))
        windows[0].append(", ".join(tags[:cut]))
        windows[1].append(", ".join(tags[cut:]))
    return torch.cat([encoder(token_ids(tokenizer, part)).last_hidden_state for part in windows], dim=1)


def _groups(model: nn.Module) -> list[dict[str, object]]:
    """The text encoder learns slower; the embeddings of its words stay."""
    text = [
        value for name, value in model.named_parameters() if name.startswith("text_encoder") and value.requires_grad
    ]
    unet = [value for name, value in model.named_parameters() if name.startswith("unet")]
    return [{"params": unet, "scale": 1.0}, {"params": text, "scale": TEXT_RATE}]
