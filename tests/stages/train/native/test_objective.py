"""Each idea of the noise against its formula, computed independently in float64."""

import numpy as np
import pytest
import torch

from sprite_lora.bases.schedule import noise_schedule, signal_to_noise
from sprite_lora.core import rng
from stages.train.native import objective
from stages.train.native.objective import batch_noise, batch_timesteps

SCHEDULER = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
}  # fmt: skip


def some(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def alphas():
    return noise_schedule(SCHEDULER).alphas


def test_alphas_are_the_product_of_one_minus_beta(alphas):
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=np.float64) ** 2
    np.testing.assert_allclose(alphas.numpy(), np.cumprod(1 - betas), rtol=2e-5)


def test_alphas_are_diffusers_own(alphas):
    from diffusers import DDPMScheduler

    assert torch.equal(alphas, DDPMScheduler(**SCHEDULER).alphas_cumprod)


def test_signal_to_noise_is_signals_power_over_noises(alphas):
    a = alphas.double()
    torch.testing.assert_close(signal_to_noise(alphas).double(), (a.sqrt() / (1 - a).sqrt()) ** 2, rtol=1e-3, atol=0)


def test_noisy_latents(alphas):
    x, e, t = some(3, 4, 6, 6), some(3, 4, 6, 6, seed=1), [0, 500, 999]
    expected = [
        alphas[i].double().sqrt() * x[n].double() + (1 - alphas[i].double()).sqrt() * e[n].double()
        for n, i in enumerate(t)
    ]
    torch.testing.assert_close(
        objective.add_noise(x, e, alphas[t]).double(), torch.stack(expected), rtol=1e-5, atol=1e-6
    )


def test_velocity(alphas):
    x, e, t = some(3, 4, 6, 6), some(3, 4, 6, 6, seed=1), [0, 500, 999]
    expected = [
        alphas[i].double().sqrt() * e[n].double() - (1 - alphas[i].double()).sqrt() * x[n].double()
        for n, i in enumerate(t)
    ]
    torch.testing.assert_close(
        objective.velocity(x, e, alphas[t]).double(), torch.stack(expected), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("scale", [None, 0.00357, 2.0, -50.0])
def test_offset_noise(scale):
    e, x, drawn = some(3, 4, 6, 6), some(3, 4, 6, 6, seed=1), some(3, 4, 1, 1, seed=2)
    strength = np.full((3, 4), 0.1)
    if scale is not None:
        strength = np.maximum(0, 0.1 + scale * np.abs(x.double().numpy().mean(axis=(2, 3))))
    expected = e.double().numpy() + strength[:, :, None, None] * drawn.double().numpy()
    np.testing.assert_allclose(objective.offset_noise(e, x, 0.1, scale, drawn).numpy(), expected, rtol=1e-5, atol=1e-6)


def bilinear(coarse, size):
    """Bilinear interpolation with pixel centres at (i + 1/2) * scale, edges repeated; float64."""
    rows, columns = coarse.shape[2:]

    def weights(new, old):
        matrix = np.zeros((new, old))
        for i in range(new):
            at = max(0.0, (i + 0.5) * old / new - 0.5)
            low = int(at)
            high = min(low + 1, old - 1)
            matrix[i, low] += 1 - (at - low)
            matrix[i, high] += at - low
        return matrix

    return np.einsum("ir,bcrs,js->bcij", weights(size[0], rows), coarse, weights(size[1], columns))


@pytest.mark.parametrize(("iterations", "discount"), [(1, 0.3), (6, 0.3), (10, 0.9)])
def test_pyramid_noise(iterations, discount):
    plain = some(2, 4, 12, 10)
    expected = plain.double().numpy()
    for level in range(iterations):
        ratio = 2 + 2 * rng.uniform((), 5, "pyramid ratio", 9, level).item()
        shape = (2, 4, max(1, int(12 / ratio**level)), max(1, int(10 / ratio**level)))
        coarse = rng.normal(shape, 5, "pyramid", 9, level).double().numpy()
        expected = expected + discount**level * bilinear(coarse, (12, 10))
        if 1 in shape[2:]:
            break
    expected = expected / expected.std(ddof=1)
    drawn = objective.pyramid_noise(plain, iterations, discount, 5, 9)
    np.testing.assert_allclose(drawn.numpy(), expected, rtol=1e-4, atol=1e-5)
    assert drawn.std().item() == pytest.approx(1, abs=1e-5), "of the whole batch"


def test_order_is_plain_offset_pyramid(project, make_run):
    run = make_run(
        project, noise_offset=0.1, adaptive_noise_scale=0.5, multires_noise_iterations=6, multires_noise_discount=0.3
    )
    x = some(2, 4, 6, 6)
    plain = rng.normal((2, 4, 6, 6), 42, "noise", 3)
    offset = objective.offset_noise(plain, x, 0.1, 0.5, rng.normal((2, 4, 1, 1), 42, "noise offset", 3))
    assert torch.equal(batch_noise(x, run.params, 3), objective.pyramid_noise(offset, 6, 0.3, 42, 3))
    run = make_run(project, noise_offset=None, adaptive_noise_scale=None, multires_noise_iterations=None)
    assert torch.equal(batch_noise(x, run.params, 3), plain)
    run = make_run(project, noise_offset=0.0, multires_noise_iterations=0)
    assert torch.equal(batch_noise(x, run.params, 3), plain), "0 is off, as in kohya"


def test_timesteps_are_uniform_over_all():
    drawn = torch.cat([batch_timesteps(100, 1000, 42, number) for number in range(500)])
    assert drawn.min() == 0
    assert drawn.max() == 999
    assert drawn.double().mean().item() == pytest.approx(499.5, abs=5)
    assert torch.equal(batch_timesteps(4, 1000, 42, 7), batch_timesteps(4, 1000, 42, 7))
