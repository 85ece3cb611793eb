"""What the U-Net is trained on: noise, timesteps, noisy latents, the target, and the loss."""

from typing import Any

import torch
from torch.nn.functional import interpolate

from sprite_lora.core import rng
from sprite_lora.kohya.train_params import Train


def alphas_cumprod(scheduler: dict[str, Any]) -> torch.Tensor:
    """Cumulative product of 1 - beta, float32, one per timestep; beta linear in its root (DDPM, scaled_linear)."""
    start, end, steps = scheduler["beta_start"], scheduler["beta_end"], scheduler["num_train_timesteps"]
    assert scheduler["beta_schedule"] == "scaled_linear", scheduler["beta_schedule"]
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float32) ** 2
    return torch.cumprod(1.0 - betas, dim=0)


def signal_to_noise(alphas: torch.Tensor) -> torch.Tensor:
    """SNR = alpha / (1 - alpha) of the cumulative products (Hang et al., arXiv:2303.09556)."""
    return alphas / (1 - alphas)


def add_noise(latents: torch.Tensor, noise: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """sqrt(a) x + sqrt(1 - a) e, with one `a` per picture (Ho et al., arXiv:2006.11239, eq. 4)."""
    a = alphas.view(-1, 1, 1, 1)
    return a.sqrt() * latents + (1 - a).sqrt() * noise


def velocity(latents: torch.Tensor, noise: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """sqrt(a) e - sqrt(1 - a) x: what a v-prediction model says (Salimans and Ho, arXiv:2202.00512, appendix D)."""
    a = alphas.view(-1, 1, 1, 1)
    return a.sqrt() * noise - (1 - a).sqrt() * latents


def offset_noise(
    noise: torch.Tensor, latents: torch.Tensor, offset: float, adaptive_scale: float | None, drawn: torch.Tensor
) -> torch.Tensor:
    """Add offset * N(0, 1), one value per picture and channel (crosslabs.org, "Diffusion with offset noise").

    With `adaptive_scale` the offset is max(0, offset + scale * |mean of the latent's channel|). `drawn`: (B, C, 1, 1).
    """
    strength: float | torch.Tensor = offset
    if adaptive_scale is not None:
        mean = latents.mean(dim=(2, 3), keepdim=True).abs()
        strength = (offset + adaptive_scale * mean).clamp(min=0)
    return noise + strength * drawn


def pyramid_noise(noise: torch.Tensor, iterations: int, discount: float, seed: int, batch: int) -> torch.Tensor:
    """Add ever coarser noise, level i with weight discount ** i, and divide by the whole batch's deviation (multires).

    Level i has a side of side / r ** i with r drawn from U(2, 4); the last is where a side is 1. Level 0 has full size:
    it doubles the plain noise, which the division takes back. After kohya's `pyramid_noise_like`.
    """
    height, width = noise.shape[2:]
    for level in range(iterations):
        ratio = 2 + 2 * rng.uniform((), seed, "pyramid ratio", batch, level).item()
        rows, columns = max(1, int(height / ratio**level)), max(1, int(width / ratio**level))
        coarse = rng.normal((*noise.shape[:2], rows, columns), seed, "pyramid", batch, level)
        noise = noise + interpolate(coarse, size=(height, width), mode="bilinear") * discount**level
        if rows == 1 or columns == 1:
            break
    return noise / noise.std()


def batch_noise(latents: torch.Tensor, params: Train, number: int) -> torch.Tensor:
    """Noise for a batch of latents, a function of (seed, batch number): plain, then offset, then pyramid, as kohya."""
    seed = params.seed
    drawn = rng.normal(tuple(latents.shape), seed, "noise", number)
    if params.noise_offset:
        offset = rng.normal((*latents.shape[:2], 1, 1), seed, "noise offset", number)
        drawn = offset_noise(drawn, latents, params.noise_offset, params.adaptive_noise_scale, offset)
    if params.multires_noise_iterations:
        discount = params.multires_noise_discount
        drawn = pyramid_noise(drawn, params.multires_noise_iterations, discount, seed, number)
    return drawn


def batch_timesteps(pictures: int, timesteps: int, seed: int, number: int) -> torch.Tensor:
    """One timestep per picture, uniform over 0..timesteps-1, a function of (seed, batch number)."""
    return torch.randint(0, timesteps, (pictures,), generator=rng.generator(seed, "timestep", number))


def picture_losses(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error per picture, float32: (B, C, H, W) to (B)."""
    return (predicted.float() - target.float()).square().mean(dim=(1, 2, 3))


def min_snr_weights(snr: torch.Tensor, gamma: float, v_prediction: bool) -> torch.Tensor:
    """min(SNR, gamma) / SNR, over SNR + 1 where the velocity is predicted (Hang et al., arXiv:2303.09556)."""
    return snr.clamp(max=gamma) / (snr + 1 if v_prediction else snr)


def loss_weights(own: torch.Tensor, snr: torch.Tensor, min_snr_gamma: float | None, v_prediction: bool) -> torch.Tensor:
    """What each picture's loss is multiplied with before the batch's mean is taken: (B).

    `own`: prior_loss_weight for regularisation pictures, 1 for the others. A gamma of None or 0 is no min-SNR weight.
    """
    return own * min_snr_weights(snr, min_snr_gamma, v_prediction) if min_snr_gamma else own
