import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sprite_lora.core import machine
from stages.train.native.gradients import add_gradients


def warmed(run):
    """Ups that are not zero, so that downs have gradients."""
    generator = torch.Generator().manual_seed(0)
    for lora in run.network.loras:
        torch.nn.init.normal_(lora.lora_up.weight, std=0.05, generator=generator)
    return run


def gradients(run, pool=None, pictures=None):
    """Loss and gradients of one batch of all pictures."""
    run.optimizer.zero_grad()
    loss = add_gradients(run.model, run.batch(pictures or run.pictures, 5), 1.0, pool)
    return loss, {name: weight.grad for name, weight in run.network.named_parameters()}


def close(one, two):
    torch.testing.assert_close(one[0], two[0], rtol=1e-4, atol=1e-5)
    for name, gradient in one[1].items():
        if gradient is None:
            assert two[1][name] is None
        else:
            torch.testing.assert_close(two[1][name], gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dropout", [None, 0.3])
def test_number_of_workers_changes_no_bit(project, make_run, dropout):
    torch.set_num_threads(1)
    run = warmed(make_run(project, network_dropout=dropout))
    results = []
    for workers in (1, 2, 3):
        with machine.one_thread_each(workers) as pool:
            results.append(gradients(run, pool, run.pictures * 2))
    for loss, grads in results[1:]:
        assert torch.equal(loss, results[0][0])
        assert all(torch.equal(grads[name], results[0][1][name]) for name in grads)


@pytest.mark.parametrize("fixture", ["project", "project_sdxl"])
def test_parts_add_up_to_the_whole(fixture, make_run, request):
    run = warmed(make_run(request.getfixturevalue(fixture)))
    whole = gradients(run)
    with machine.one_thread_each(2) as pool:
        close(whole, gradients(run, pool))


def test_factor_multiplies_and_gradients_add_up(project, make_run):
    run = warmed(make_run(project))
    whole = gradients(run)
    run.optimizer.zero_grad()
    batch = run.batch(run.pictures, 5)
    for factor in (0.25, 0.75):
        loss = add_gradients(run.model, batch, factor, None)
        assert torch.equal(loss, whole[0])
    close(whole, (loss, {name: weight.grad for name, weight in run.network.named_parameters()}))


@pytest.mark.parametrize("fixture", ["project", "project_sdxl"])
def test_gradient_checkpointing_changes_nothing(fixture, make_run, request):
    project = request.getfixturevalue(fixture)
    plain = gradients(warmed(make_run(project, network_dropout=0.3)))
    run = warmed(make_run(project, network_dropout=0.3, gradient_checkpointing=True))
    assert run.base.unet.is_gradient_checkpointing
    assert all(encoder.is_gradient_checkpointing for encoder in run.base.text_encoders)
    close(plain, gradients(run))


def test_gradient_checkpointing_recomputes(project, make_run):
    """The test above would pass if the switch did nothing."""
    run = make_run(project, gradient_checkpointing=True, network_train_unet_only=True)
    calls = []  # counted before the block, because recomputing stops as soon as it has what it needs
    run.base.unet.up_blocks[-1].resnets[0].register_forward_pre_hook(lambda *_: calls.append(1))
    gradients(run)
    assert len(calls) == 2


def test_attention_kernels_agree(project, make_run):
    plain = gradients(warmed(make_run(project, sdpa=False)))
    close(plain, gradients(warmed(make_run(project, sdpa=True))))


def sinusoids(value, width):
    """kohya's `get_timestep_embedding`: cosines, then sines, of value * 10000 ** (-i / half)."""
    half = width // 2
    angles = [value * math.exp(-math.log(10000) * index / half) for index in range(half)]
    return [math.cos(angle) for angle in angles] + [math.sin(angle) for angle in angles]


def test_sdxl_is_told_the_pooled_text_and_the_sizes(project_sdxl, make_run):
    """Original size, crop 0 0, target size, as sd-scripts concatenates them."""

    run = make_run(project_sdxl, shuffle_caption=False)
    seen = []
    run.base.unet.add_embedding.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    gradients(run)
    with torch.no_grad():
        pooled = run.base.encode([picture.caption for picture in run.pictures], 75).pooled
    sizes = [part for value in (48, 48, 0, 0, 48, 48) for part in sinusoids(value, 8)]
    expected = np.concatenate([pooled.double().numpy(), np.tile(sizes, (5, 1))], axis=1)
    np.testing.assert_allclose(seen[0].detach().numpy(), expected, rtol=1e-3, atol=1e-4)


def test_untrained_text_encoder_costs_no_gradients(project, make_run):
    from stages.train.native.gradients import encode_captions

    run = make_run(project, network_train_unet_only=True)
    assert not encode_captions(run.model, ["a"]).states.requires_grad
    run.network.restore()
    assert encode_captions(make_run(project, network_train_unet_only=False).model, ["a"]).states.requires_grad


@pytest.mark.parametrize("pool", [True, False])
@pytest.mark.parametrize("only", [{}, {"network_train_unet_only": True}])
def test_a_step_in_which_every_module_is_left_out_changes_nothing(project, make_run, pool, only):
    """module_dropout can leave out all of a small text encoder's modules, or of a U-Net's."""
    project.edit(max_train_epochs=1, module_dropout=0.99999, **only)
    with ThreadPoolExecutor(2) as workers:
        run = make_run(project, workers if pool else None)
        numbers = range(2)
        loss = add_gradients(run.model, run.batch([run.pictures[number] for number in numbers], 0), 1.0, run.pool)
    assert torch.isfinite(loss)
    assert all(weight.grad is None for weight in run.network.parameters())
