"""Noise schedules: against the formulas in float64 and against diffusers' own schedulers."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler

from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.drawing import scheduler
from sprite_lora.bases.samplers import SAMPLERS
from sprite_lora.bases.schedule import noise_schedule
from sprite_lora.core.errors import SpriteLoraError

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def product(betas):
    return np.cumprod(1 - np.asarray(betas, dtype=np.float64))


def cosine_betas():
    """Nichol and Dhariwal, arXiv:2102.09672, equation 17, cut at 0.999."""
    signal = np.cos((np.arange(1001) / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - signal[1:] / signal[:-1], 0.999)


BETAS = {
    "scaled_linear": (SD, np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2),
    "linear": ({**SD, "beta_schedule": "linear"}, np.linspace(0.00085, 0.012, 1000)),
    "squaredcos_cap_v2": ({**SD, "beta_schedule": "squaredcos_cap_v2"}, cosine_betas()),
    "trained_betas": ({**SD, "trained_betas": [0.1, 0.2, 0.3]}, [0.1, 0.2, 0.3]),
}


@pytest.mark.parametrize("kind", BETAS)
def test_alphas_are_the_product_of_one_minus_beta(kind):
    config, betas = BETAS[kind]
    alphas, snr = noise_schedule(config)
    expected = product(betas)
    np.testing.assert_allclose(alphas.numpy(), expected, rtol=2e-4, atol=1e-9)
    np.testing.assert_allclose(snr.numpy(), expected / (1 - expected), rtol=2e-3, atol=1e-9)


def test_stable_diffusions_bits_are_those_of_the_plain_formula():
    """What all runs so far were trained on: beta linear in its root, in float32."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    assert torch.equal(noise_schedule(SD).alphas, torch.cumprod(1.0 - betas, dim=0))


@pytest.mark.parametrize(
    ("config", "flag"), [(SD, True), ({**SD, "rescale_betas_zero_snr": True}, False)], ids=["flag", "base"]
)
def test_zero_terminal_snr(config, flag):
    """Lin et al., arXiv:2305.08891, algorithm 1: shift and scale the root so that it ends at 0 and begins as it did."""
    alphas, snr = noise_schedule(config, flag)
    root = np.sqrt(product(BETAS["scaled_linear"][1]))
    expected = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    np.testing.assert_allclose(alphas.numpy(), expected, rtol=5e-4, atol=1e-7)
    assert alphas[-1] == 0
    assert torch.equal(snr, noise_schedule(SD).snr), "as sd-scripts: of the betas before"


def test_unknown_schedule_is_an_error(tiny_sd, tmp_path):
    with pytest.raises(SpriteLoraError, match="noise schedule 'jumpy' is not known"):
        noise_schedule({**SD, "beta_schedule": "jumpy"})
    for wrong in ({"beta_schedule": "jumpy"}, {"beta_schedule": None}):
        folder = tmp_path / str(wrong["beta_schedule"])
        shutil.copytree(tiny_sd, folder)
        file = folder / "scheduler/scheduler_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **wrong}))
        with pytest.raises(SpriteLoraError, match=r"noise schedule .* is not known"):
            load_base(folder)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_zero_terminal_lora_is_drawn_on_its_schedule_from_its_last_timestep(sampler):
    config = dict(DDPMScheduler(**SD).config)
    plain = scheduler(sampler, config, True, False)
    drawing = scheduler(sampler, config, True, True)
    drawing.set_timesteps(10)
    plain.set_timesteps(10)
    assert int(drawing.timesteps[0]) == 999
    trained = noise_schedule(SD, zero_terminal_snr=True).alphas
    torch.testing.assert_close(drawing.alphas_cumprod[:-1], trained[:-1])
    assert drawing.alphas_cumprod[-1] < 1e-6 < plain.alphas_cumprod[-1]
    noise_predicting = scheduler(sampler, config, False, True)
    noise_predicting.set_timesteps(10)
    assert torch.equal(noise_predicting.alphas_cumprod, plain.alphas_cumprod), "it cannot start from nothing"


@pytest.mark.parametrize("kind", [DDIMScheduler, EulerDiscreteScheduler])
def test_base_that_says_so_itself_is_drawn_as_it_says(kind):
    config = dict(DDPMScheduler(**SD, rescale_betas_zero_snr=True, timestep_spacing="trailing").config)
    name = {DDIMScheduler: "ddim", EulerDiscreteScheduler: "euler"}[kind]
    ours, theirs = scheduler(name, config, True), kind.from_config(config, prediction_type="v_prediction")
    ours.set_timesteps(7)
    theirs.set_timesteps(7)
    assert torch.equal(ours.timesteps, theirs.timesteps)
    torch.testing.assert_close(ours.alphas_cumprod[:-1], noise_schedule(config).alphas[:-1])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_zero_terminal_picture_is_finite_and_another(tiny_sd, sampler):
    from sprite_lora.bases.drawing import Drawing, draw

    base = load_base(tiny_sd)
    plain = Drawing("a cat", "", 1, 4, 2.0, sampler, 64, 75, None, v_prediction=True)
    pixels, finite = draw(base, plain)
    zero, zero_finite = draw(base, Drawing(**{**vars(plain), "zero_terminal_snr": True}))
    assert finite and zero_finite  # noqa: PT018  both
    assert not np.array_equal(pixels, zero)
