import numpy as np
import pytest
import torch

from sprite_lora.bases.schedule import noise_schedule
from stages.train.native.objective import loss_weights, min_snr_weights, picture_losses

SNR = noise_schedule(
    {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
).snr


def test_loss_of_a_picture_is_its_mean_squared_error_in_float32():
    said = torch.randn((3, 4, 5, 5), generator=torch.Generator().manual_seed(0)).half()
    wanted = torch.randn((3, 4, 5, 5), generator=torch.Generator().manual_seed(1))
    expected = ((said.double().numpy() - wanted.double().numpy()) ** 2).reshape(3, -1).mean(axis=1)
    losses = picture_losses(said, wanted)
    assert losses.dtype == torch.float32
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("gamma", [1.0, 5.0, 20.0])
def test_min_snr_weight(gamma):
    snr = SNR.double().numpy()
    plain = min_snr_weights(SNR, gamma, v_prediction=False).numpy()
    velocity = min_snr_weights(SNR, gamma, v_prediction=True).numpy()
    np.testing.assert_allclose(plain, np.minimum(snr, gamma) / snr, rtol=1e-5)
    np.testing.assert_allclose(velocity, np.minimum(snr, gamma) / (snr + 1), rtol=1e-5)
    assert plain.max() <= 1
    assert (plain[snr <= gamma] == 1).all(), "noisy steps keep their weight"


@pytest.mark.parametrize("gamma", [None, 0.0])
def test_no_gamma_leaves_the_pictures_own_weights(gamma):
    own = torch.tensor([1.0, 0.3, 1.0])
    assert torch.equal(loss_weights(own, SNR[[0, 500, 999]], gamma, v_prediction=False), own)


def test_prior_weight_and_min_snr_multiply():
    own = torch.tensor([1.0, 0.3])
    snr = SNR[[3, 3]]
    expected = np.array([1.0, 0.3]) * 5.0 / snr.double().numpy()
    np.testing.assert_allclose(loss_weights(own, snr, 5.0, v_prediction=False).numpy(), expected, rtol=1e-5)


def test_loss_of_a_step_is_the_formula(project, make_run):
    """The whole way: latents, noise, timesteps, U-Net, weights, mean; everything but the models in float64."""
    from stages.train.native.gradients import batch_loss

    run = make_run(project, min_snr_gamma=5.0, noise_offset=0.1)
    pictures = run.pictures[:2]
    batch = run.batch(pictures, 11)
    value = batch_loss(run.model, batch).item()
    alphas = run.alphas.double()[batch.timesteps].view(-1, 1, 1, 1)
    noise = batch.target.double()
    latents = torch.stack([picture.posterior.draw(42, picture.stem) for picture in pictures]).double() * 0.18215
    noisy = alphas.sqrt() * latents + (1 - alphas).sqrt() * noise

    with torch.no_grad():
        states = run.base.encode(batch.captions, 75).states
        said = run.base.unet(noisy.float(), batch.timesteps, states).sample.double()
    snr = (alphas / (1 - alphas)).flatten()
    losses = ((said - noise) ** 2).mean(dim=(1, 2, 3)) * torch.minimum(snr, torch.tensor(5.0)) / snr
    assert value == pytest.approx(losses.mean().item(), rel=1e-4)
