"""What the U-Net is trained on: noise, timesteps, noisy latents, the target, and the loss."""

import math

import torch
from torch.nn.functional import interpolate

from sprite_lora.core import rng
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.train_params import Train


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
        strength = params.noise_offset
        if params.noise_offset_random_strength:
            strength *= rng.uniform((), seed, "noise offset strength", number).item()
        drawn = offset_noise(drawn, latents, strength, params.adaptive_noise_scale, offset)
    if params.multires_noise_iterations:
        discount = params.multires_noise_discount
        drawn = pyramid_noise(drawn, params.multires_noise_iterations, discount, seed, number)
    return drawn


def perturbed(noise: torch.Tensor, params: Train, number: int) -> torch.Tensor:
    """The noise that is laid on the latents; the target is the noise without it.

    ip_noise_gamma: plus gamma * N(0, 1) (input perturbation, Ning et al., arXiv:2301.11706);
    ip_noise_gamma_random_strength: gamma * U(0, 1), once per batch. A function of (seed, batch number).
    """
    if not params.ip_noise_gamma:
        return noise
    strength = params.ip_noise_gamma
    if params.ip_noise_gamma_random_strength:
        strength *= rng.uniform((), params.seed, "ip noise strength", number).item()
    return noise + strength * rng.normal(tuple(noise.shape), params.seed, "ip noise", number)


def timestep_range(params: Train, timesteps: int) -> tuple[int, int]:
    """Smallest timestep, and the one after the largest, of a schedule of `timesteps` (kohya's min_ and max_timestep).

    Raises SpriteLoraError where the schedule has not so many.
    """
    first = params.min_timestep or 0
    end = timesteps if params.max_timestep is None else params.max_timestep
    if not first < end <= timesteps:
        raise SpriteLoraError(
            f"train.min_timestep {first} to train.max_timestep {end}: the base model has timesteps 0 to {timesteps}",
            "min_timestep is the first that is trained, max_timestep the one after the last",
        )
    return first, end


def batch_timesteps(pictures: int, end: int, seed: int, number: int, first: int = 0) -> torch.Tensor:
    """One timestep per picture, uniform over first..end-1, a function of (seed, batch number)."""
    return torch.randint(first, end, (pictures,), generator=rng.generator(seed, "timestep", number))


def huber_thresholds(params: Train, timesteps: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor | None:
    """c of each picture's Huber loss, (B), float32; None for other losses. `alphas`: of the whole schedule, T.

    constant: huber_c s. exponential: huber_c ** (t / T) s. snr: (1 - huber_c) / (1 + sigma)^2 + huber_c with sigma
    = sqrt((1 - alpha) / alpha), without s. s: huber_scale (sd-scripts v0.10.1 train_util.py
    `get_huber_threshold_if_needed`).
    """
    if params.loss_type not in ("huber", "smooth_l1"):
        return None
    if params.huber_schedule == "constant":
        return torch.full(timesteps.shape, params.huber_c * params.huber_scale)
    if params.huber_schedule == "exponential":
        return torch.exp(timesteps * (math.log(params.huber_c) / len(alphas))) * params.huber_scale
    sigmas = ((1.0 - alphas[timesteps]) / alphas[timesteps]).sqrt()
    return (1 - params.huber_c) / (1 + sigmas) ** 2 + params.huber_c


def picture_losses(
    predicted: torch.Tensor, target: torch.Tensor, loss_type: str = "l2", thresholds: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean error per picture, float32: (B, C, H, W) to (B).

    Of the difference d: l2 d^2; l1 |d|; smooth_l1 2 (sqrt(d^2 + c^2) - c); huber c times that. `thresholds`: c, (B)
    (sd-scripts v0.10.1 train_util.py `conditional_loss`: pseudo-Huber).
    """
    difference = predicted.float() - target.float()
    if loss_type == "l2":
        return difference.square().mean(dim=(1, 2, 3))
    if loss_type == "l1":
        return difference.abs().mean(dim=(1, 2, 3))
    assert thresholds is not None, loss_type
    c = thresholds.view(-1, 1, 1, 1)
    smooth = 2 * ((difference.square() + c**2).sqrt() - c)
    return (c * smooth if loss_type == "huber" else smooth).mean(dim=(1, 2, 3))


def min_snr_weights(snr: torch.Tensor, gamma: float, v_prediction: bool) -> torch.Tensor:
    """min(SNR, gamma) / SNR, over SNR + 1 where the velocity is predicted (Hang et al., arXiv:2303.09556)."""
    return snr.clamp(max=gamma) / (snr + 1 if v_prediction else snr)


LARGEST_SNR = 1000.0
"""What a signal-to-noise ratio counts at most in the two weights below, as in sd-scripts."""


def noise_prediction_weights(snr: torch.Tensor) -> torch.Tensor:
    """SNR / (SNR + 1): a loss of velocities then weighs timesteps as one of noise does.

    sd-scripts v0.10.1 custom_train_functions.py `scale_v_prediction_loss_like_noise_prediction`.
    """
    snr = snr.clamp(max=LARGEST_SNR)
    return snr / (snr + 1)


def debiased_weights(snr: torch.Tensor, v_prediction: bool) -> torch.Tensor:
    """1 / sqrt(SNR) (debiased estimation, Yu et al., arXiv:2310.08442); 1 / (SNR + 1) where velocity is predicted.

    sd-scripts v0.10.1 custom_train_functions.py `apply_debiased_estimation`.
    """
    snr = snr.clamp(max=LARGEST_SNR)
    return 1 / (snr + 1) if v_prediction else 1 / snr.sqrt()


def loss_weights(
    own: torch.Tensor,
    snr: torch.Tensor,
    min_snr_gamma: float | None,
    v_prediction: bool,
    like_noise: bool = False,
    debiased: bool = False,
) -> torch.Tensor:
    """What each picture's loss is multiplied with before the batch's mean is taken: (B).

    `own`: prior_loss_weight for regularisation pictures, 1 for the others. A gamma of None or 0 is no min-SNR weight.
    `like_noise`: scale_v_pred_loss_like_noise_pred. `debiased`: debiased_estimation_loss.
    """
    weights = own * min_snr_weights(snr, min_snr_gamma, v_prediction) if min_snr_gamma else own
    if like_noise:
        weights = weights * noise_prediction_weights(snr)
    return weights * debiased_weights(snr, v_prediction) if debiased else weights
