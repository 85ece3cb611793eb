"""Flags on noise, timesteps and loss: each formula in float64, each flag in a batch of a run."""

import numpy as np
import pytest
import torch

from sprite_lora.bases.schedule import noise_schedule
from sprite_lora.core import rng
from sprite_lora.core.errors import SpriteLoraError
from stages.train.native import objective
from stages.train.native.gradients import batch_loss

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
ALPHAS, SNR = noise_schedule(SD)


def latents_of(run, number):
    return run._latents(run.pictures, number)


def test_input_perturbation_disturbs_the_input_and_not_the_target(project, make_run):
    plain = make_run(project, v_parameterization=True)
    one = plain.batch(plain.pictures, 4)
    plain.network.restore()
    run = make_run(project, v_parameterization=True, ip_noise_gamma=0.1)
    two = run.batch(run.pictures, 4)
    assert torch.equal(one.target, two.target)
    a = run.alphas.double()[two.timesteps].view(-1, 1, 1, 1)
    drawn = rng.normal(tuple(two.noisy.shape), 42, "ip noise", 4)
    expected = one.noisy.double() + (1 - a).sqrt() * 0.1 * drawn.double()
    torch.testing.assert_close(two.noisy.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("strength", "random", "purpose"),
    [
        ("noise_offset", "noise_offset_random_strength", "noise offset"),
        ("ip_noise_gamma", "ip_noise_gamma_random_strength", "ip noise"),
    ],
)
def test_random_strength_is_one_uniform_number_per_batch(project, make_run, strength, random, purpose):
    run = make_run(project, **{strength: 0.4, random: True})
    plain = make_run(project, **{strength: None, random: False})
    shares = []
    for number in range(200):
        shape = (3, 4, 1, 1) if strength == "noise_offset" else (3, 4, 2, 2)
        latents = torch.zeros(3, 4, 2, 2)
        if strength == "noise_offset":
            change = objective.batch_noise(latents, run.params, number) - objective.batch_noise(
                latents, plain.params, number
            )
        else:
            change = objective.perturbed(latents, run.params, number)
        drawn = rng.normal(shape, 42, purpose, number).expand_as(change)
        share = (change / drawn).flatten()
        torch.testing.assert_close(share, share[:1].expand_as(share), rtol=2e-2, atol=1e-4)
        shares.append(share.median().item())
    assert min(shares) >= 0
    assert max(shares) <= 0.4
    assert np.mean(shares) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(("least", "most"), [(None, None), (200, None), (None, 50), (500, 501)])
def test_timesteps_are_drawn_from_the_range(project, make_run, least, most):
    run = make_run(project, min_timestep=least, max_timestep=most)
    seen = torch.cat([run.batch(run.pictures, number).timesteps for number in range(60)])
    first, last = least or 0, (most or 1000) - 1
    assert seen.min() >= first
    assert seen.max() <= last
    assert seen.double().mean().item() == pytest.approx((first + last) / 2, abs=0.1 * (last - first) + 0.01)


def test_timesteps_that_no_base_has_are_refused(project, make_run):
    with pytest.raises(SpriteLoraError, match=r"max_timestep` is 1001: input should be less"):
        make_run(project, max_timestep=1001)


def test_zero_terminal_snr_is_trained_on(project, make_run):
    """At the last timestep the input is noise alone, and the velocity to predict is the picture, negative."""
    run = make_run(project, zero_terminal_snr=True, v_parameterization=True, min_timestep=999, noise_offset=None)
    batch = run.batch(run.pictures, 3)
    assert torch.equal(batch.noisy, objective.batch_noise(batch.noisy, run.params, 3))
    assert torch.equal(batch.target, -latents_of(run, 3))


@pytest.mark.parametrize("kind", ["l1", "l2", "huber", "smooth_l1"])
def test_loss_of_a_picture(kind):
    """Pseudo-Huber: 2 c (sqrt(d^2 + c^2) - c); smooth_l1 without the factor c."""
    said, wanted = (torch.randn((3, 4, 5, 5), generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    c = torch.tensor([0.1, 0.5, 3.0])
    d, wide = (said - wanted).double().numpy(), c.double().numpy().reshape(3, 1, 1, 1)
    errors = {
        "l1": np.abs(d),
        "l2": d**2,
        "huber": 2 * wide * (np.sqrt(d**2 + wide**2) - wide),
        "smooth_l1": 2 * (np.sqrt(d**2 + wide**2) - wide),
    }
    losses = objective.picture_losses(said.half(), wanted, kind, c)
    assert losses.dtype == torch.float32
    np.testing.assert_allclose(losses.numpy(), errors[kind].reshape(3, -1).mean(axis=1), rtol=2e-3)


def test_huber_is_squared_for_small_errors_and_linear_for_large_ones():
    zero, c = torch.zeros(1, 1, 1, 2), torch.tensor([0.5])
    small, large = torch.full_like(zero, 1e-2), torch.full_like(zero, 1e3)
    assert objective.picture_losses(small, zero, "huber", c).item() == pytest.approx(1e-4, rel=1e-2)
    assert objective.picture_losses(large, zero, "huber", c).item() == pytest.approx(2 * 0.5 * 1e3, rel=1e-2)


@pytest.mark.parametrize("schedule", ["constant", "exponential", "snr"])
def test_huber_thresholds(project, make_run, schedule):
    run = make_run(project, loss_type="huber", huber_schedule=schedule, huber_c=0.2, huber_scale=1.5)
    timesteps = torch.tensor([0, 250, 999])
    t, alphas = timesteps.double().numpy(), ALPHAS.double()[timesteps].numpy()
    sigma = np.sqrt((1 - alphas) / alphas)
    expected = {
        "constant": np.full(3, 0.2 * 1.5),
        "exponential": 0.2 ** (t / 1000) * 1.5,
        "snr": 0.8 / (1 + sigma) ** 2 + 0.2,
    }[schedule]
    found = objective.huber_thresholds(run.params, timesteps, run.alphas)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    batch = run.batch(run.pictures, 2)
    assert torch.equal(batch.thresholds, objective.huber_thresholds(run.params, batch.timesteps, run.alphas))


def test_other_losses_have_no_threshold(project, make_run):
    run = make_run(project, loss_type="l1")
    assert run.batch(run.pictures, 2).thresholds is None


def test_weights_of_the_loss_multiply():
    own, snr = torch.tensor([1.0, 0.5, 1.0, 1.0]), torch.tensor([0.004, 3.0, 900.0, 5000.0])
    s = snr.double().numpy()
    capped = np.minimum(s, 1000)
    scaled = objective.loss_weights(own, snr, 5.0, True, like_noise=True)
    expected = own.numpy() * np.minimum(s, 5) / (s + 1) * capped / (capped + 1)
    np.testing.assert_allclose(scaled.numpy(), expected, rtol=1e-5)
    debiased = objective.loss_weights(own, snr, None, False, debiased=True)
    np.testing.assert_allclose(debiased.numpy(), own.numpy() / np.sqrt(capped), rtol=1e-5)
    velocity = objective.loss_weights(own, snr, None, True, debiased=True)
    np.testing.assert_allclose(velocity.numpy(), own.numpy() / (capped + 1), rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss_type": "huber", "huber_schedule": "exponential", "huber_c": 0.3},
        {"loss_type": "smooth_l1"},
        {"loss_type": "l1"},
        {"debiased_estimation_loss": True},
        {"v_parameterization": True, "scale_v_pred_loss_like_noise_pred": True},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_loss_of_a_batch_is_the_formula(project, make_run, changes):
    """The whole way from the batch to its loss, in parts and in one; everything but the models in float64."""
    run = make_run(project, min_snr_gamma=None, **changes)
    batch = run.batch(run.pictures[:3], 11)
    with torch.no_grad():
        states = run.base.encode(batch.captions, 75).states
        said = run.base.unet(batch.noisy, batch.timesteps, states).sample.double()
    d, t = said - batch.target.double(), batch.timesteps
    alphas = run.alphas.double()[t]
    snr = (alphas / (1 - alphas)).clamp(max=1000)
    if changes.get("loss_type") == "l1":
        losses = d.abs().mean(dim=(1, 2, 3))
    elif "loss_type" in changes:
        sigma = ((1 - alphas) / alphas).sqrt()
        c = 0.3 ** (t.double() / 1000) if changes["loss_type"] == "huber" else 0.9 / (1 + sigma) ** 2 + 0.1
        c = c.view(-1, 1, 1, 1)
        losses = (2 * ((d**2 + c**2).sqrt() - c) * (c if changes["loss_type"] == "huber" else 1)).mean(dim=(1, 2, 3))
    else:
        losses = (d**2).mean(dim=(1, 2, 3)) * (snr / (snr + 1) if run.params.v_parameterization else 1 / snr.sqrt())
    assert batch_loss(run.model, batch).item() == pytest.approx(losses.mean().item(), rel=1e-4)
