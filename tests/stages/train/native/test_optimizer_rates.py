import pytest
import torch
from transformers import (
    get_cosine_with_min_lr_schedule_with_warmup,
    get_polynomial_decay_schedule_with_warmup,
    get_scheduler,
)

from stages.train.native.optimizer import least_factor, rate_factor, warmup_steps

STEPS = 40


@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("name", ["constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "constant"])
def test_rates_are_those_of_the_library_that_kohya_uses(name, warmup):
    if name == "constant" and warmup:
        return
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    more = {"num_cycles": 3} if name == "cosine_with_restarts" else None
    library = get_scheduler(name, optimizer, warmup, STEPS, scheduler_specific_kwargs=more)
    for step in range(STEPS + 3):
        assert rate_factor(name, step, STEPS, warmup, 3) == pytest.approx(library.get_last_lr()[0], abs=1e-12), step
        optimizer.step()
        library.step()


@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("power", [0.5, 1, 2.5])
def test_polynomial_is_the_librarys(warmup, power):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    library = get_polynomial_decay_schedule_with_warmup(optimizer, warmup, STEPS, lr_end=1e-5, power=power)
    for step in range(STEPS + 3):
        ours = 1e-3 * rate_factor("polynomial", step, STEPS, warmup, 1, power, 1e-2)
        assert ours == pytest.approx(library.get_last_lr()[0], abs=1e-15), step
        optimizer.step()
        library.step()


@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("cycles", [1, 3])
def test_cosine_with_min_lr_is_the_librarys(warmup, cycles):
    """sd-scripts hands half of lr_scheduler_num_cycles to it (train_util.py `get_scheduler_fix`)."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    library = get_cosine_with_min_lr_schedule_with_warmup(
        optimizer, warmup, STEPS, num_cycles=cycles / 2, min_lr_rate=0.2
    )
    for step in range(STEPS + 3):
        ours = rate_factor("cosine_with_min_lr", step, STEPS, warmup, cycles, least=0.2)
        assert ours == pytest.approx(library.get_last_lr()[0], abs=1e-12), step
        optimizer.step()
        library.step()


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"lr_scheduler": "polynomial"}, 1e-7 / 1e-3),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_end=1e-4"]}, 0.1),
        ({"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.3}, 0.3),
        ({"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_args": ["min_lr=2e-4"]}, 0.2),
        ({"lr_scheduler": "cosine"}, 0.0),
    ],
)
def test_where_a_schedule_ends(project, make_run, changes, least):
    run = make_run(project, **changes)
    assert least_factor(run.params) == pytest.approx(least)
    run.progress.schedule_step = run.plan.steps
    run._set_rates()
    assert [group["lr"] for group in run.optimizer.param_groups] == pytest.approx([5e-4 * least, 1e-3 * least])


def test_rates_that_kohya_logged():
    """shared/kohya/README.md: U-Net's rate after each step of two runs, 1e-4 and 3 restarts."""
    first = [1e-4 * rate_factor("cosine_with_restarts", step, 4, 0, 3) for step in (1, 2, 3, 4)]
    assert first == pytest.approx([1.5e-05, 5e-05, 8.5e-05, 0], abs=5e-7)
    second = [1e-4 * rate_factor("cosine_with_restarts", step, 8, 0, 3) for step in range(1, 9)]
    assert second == pytest.approx([6.9e-05, 1.5e-05, 9.6e-05, 5e-05, 4e-06, 8.5e-05, 3.1e-05, 0], abs=5e-7)


def test_warmup_in_steps_or_as_a_share():
    assert warmup_steps(0, 100) == 0
    assert warmup_steps(7, 100) == 7
    assert warmup_steps(0.05, 100) == 5
    assert warmup_steps(0.129, 100) == 12


def test_run_sets_each_parts_rate_before_its_step(project, make_run):
    from stages.train.faults import Interruption

    run = make_run(
        project, unet_lr=1e-3, text_encoder_lr=5e-4, lr_scheduler="cosine_with_restarts", lr_scheduler_num_cycles=3
    )
    for _ in range(run.plan.steps):
        run.step(Interruption())
    expected = [rate_factor("cosine_with_restarts", step, 6, 0, 3) for step in range(6)]
    assert [row["lr/unet"] for row in run.progress.rows] == pytest.approx([1e-3 * f for f in expected])
    assert [row["lr/textencoder"] for row in run.progress.rows] == pytest.approx([5e-4 * f for f in expected])
