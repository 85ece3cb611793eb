"""Each flag reaches what is trained and changes the first steps. The formulas have their own tests."""

import pytest
import torch

from sprite_lora.bases.base_model import load_base
from stages.train.faults import Interruption
from stages.train.native.gradients import encode_captions

PLAIN = {}
"""The weights with no flag changed; trained once."""

WARM = {"lr_scheduler": "linear", "network_dropout": None, "min_snr_gamma": None, "shuffle_caption": False}


@pytest.fixture(scope="module")
def base(tiny_sd):
    return load_base(tiny_sd)


@pytest.fixture
def steps(project, base, make_run):
    """`steps(**changes)`: the weights after three steps."""

    def take(**changes):
        if not changes and PLAIN:
            return PLAIN
        run = make_run(project, base=base, **{**WARM, **changes})
        for _ in range(3):
            run.step(Interruption())
        run.network.restore()
        weights = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
        if not changes:
            PLAIN.update(weights)
        return weights

    return take


def equal(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 43},
        {"network_alpha": 4.0},
        {"network_dropout": 0.2},
        {"unet_lr": 2e-3},
        {"text_encoder_lr": 2e-3},
        {"lr_warmup_steps": 2},
        {"lr_warmup_steps": 0.5},
        {"lr_scheduler": "cosine"},
        {"lr_scheduler": "polynomial", "lr_scheduler_power": 2.0},
        {"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_end=5e-4"]},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.5},
        {"max_grad_norm": 1e-3, "optimizer_type": "Lion"},
        {"scale_weight_norms": 1e-4},
        {"noise_offset": 0.1},
        {"noise_offset": 0.1, "adaptive_noise_scale": 1.0},
        {"multires_noise_iterations": 6},
        {"multires_noise_iterations": 6, "multires_noise_discount": 0.8},
        {"noise_offset": 0.1, "noise_offset_random_strength": True},
        {"ip_noise_gamma": 0.1},
        {"ip_noise_gamma": 0.1, "ip_noise_gamma_random_strength": True},
        {"min_timestep": 500},
        {"max_timestep": 500},
        {"zero_terminal_snr": True},
        {"loss_type": "l1"},
        {"loss_type": "smooth_l1"},
        {"loss_type": "huber"},
        {"loss_type": "huber", "huber_c": 0.5},
        {"loss_type": "huber", "huber_schedule": "constant"},
        {"loss_type": "huber", "huber_schedule": "exponential"},
        {"loss_type": "huber", "huber_schedule": "exponential", "huber_scale": 2.0},
        {"debiased_estimation_loss": True},
        {"v_parameterization": True, "scale_v_pred_loss_like_noise_pred": True},
        {"min_snr_gamma": 5.0},
        {"min_snr_gamma": 1.0},
        {"shuffle_caption": True},
        {"shuffle_caption": True, "keep_tokens": 3},
        {"caption_dropout_rate": 0.5},
        {"caption_tag_dropout_rate": 0.5},
        {"clip_skip": 2},
        {"max_token_length": 150},
        {"cache_latents": False},
        {"v_parameterization": True},
        {"train_batch_size": 3},
        {"gradient_accumulation_steps": 2},
    ],
    ids=lambda changes: "-".join(f"{key}={value}" for key, value in changes.items()),
)
def test_flag_changes_the_weights(steps, changes):
    plain = steps()
    weights = steps(**changes)
    assert not equal(weights, plain)
    assert not any(equal(weights, other) for other in SEEN), "the same as another setting"
    SEEN.append(weights)


SEEN = []


@pytest.mark.parametrize(
    "changes",
    [
        {"keep_tokens": 4},
        {"adaptive_noise_scale": None, "noise_offset": 0.0},
        {"multires_noise_discount": 0.8},
        {"min_snr_gamma": 0.0},
        {"ip_noise_gamma": 0.0},
        {"lr_scheduler_power": 2.0},
        {"lr_scheduler_min_lr_ratio": 0.5},
        {"text_encoder_lr": [5e-4]},
        {"ip_noise_gamma_random_strength": True},
        {"min_timestep": 0},
        {"max_timestep": 1000},
        {"huber_c": 0.7},
        {"clip_skip": 1},
        {"lr_scheduler_num_cycles": 3},
        {"save_precision": "fp16"},
        {"save_state_every_n_steps": 7},
        {"network_dropout": 0.0},
        {"prior_loss_weight": 0.5},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_flag_that_should_do_nothing_here_does_nothing(steps, changes):
    assert equal(steps(), steps(**changes))


@pytest.mark.parametrize(("length", "positions"), [(75, 77), (150, 152), (225, 227)])
def test_max_token_length_sets_what_the_unet_reads(project, base, make_run, length, positions):
    run = make_run(project, base=base, max_token_length=length)
    assert encode_captions(run.model, ["cat " * 200]).states.shape == (1, positions, 32)


def test_velocity_is_the_target(project, base, make_run):
    from stages.train.native import objective

    plain = make_run(project, base=base, v_parameterization=False)
    one = plain.batch(plain.pictures, 4)
    plain.network.restore()
    run = make_run(project, base=base, v_parameterization=True)
    two = run.batch(run.pictures, 4)
    latents = run._latents(run.pictures, 4)
    expected = objective.velocity(latents, one.target, run.alphas[one.timesteps])
    assert torch.equal(two.target, expected)
    assert torch.equal(two.noisy, one.noisy)


def test_v_prediction_base_is_refused_without_the_flag(project, base, make_run):
    import dataclasses

    from sprite_lora.core.errors import SpriteLoraError

    velocity = dataclasses.replace(base, scheduler={**base.scheduler, "prediction_type": "v_prediction"})
    with pytest.raises(SpriteLoraError, match="the base model predicts the velocity"):
        make_run(project, base=velocity)
    make_run(project, base=velocity, v_parameterization=True)


def test_accumulated_step_is_the_mean_of_its_batches(project, base, make_run):
    """Two batches accumulated: the gradient is half the sum of both, as in kohya."""
    run = make_run(project, base=base, train_batch_size=1, gradient_accumulation_steps=2, max_grad_norm=0.0)
    from stages.train.native.batch import epoch_batches, step_batches
    from stages.train.native.gradients import batch_loss

    weights = list(run.network.parameters())
    sums = [torch.zeros_like(weight) for weight in weights]
    batches = epoch_batches(run.plan, 42, 0)
    for (number,) in step_batches(run.plan, 0):
        batch = run.batch([run.pictures[index] for index in batches[number]], number)
        for total, gradient in zip(sums, torch.autograd.grad(batch_loss(run.model, batch), weights), strict=True):
            total += gradient / 2
    seen = []
    run.optimizer.step = lambda: seen.extend(weight.grad.clone() for weight in weights)
    run.step(Interruption())
    for gradient, total in zip(seen, sums, strict=True):
        torch.testing.assert_close(gradient, total, rtol=1e-4, atol=1e-6)
