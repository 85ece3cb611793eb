from typing import get_args

import pytest
import torch

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.rows.optimisation import Optimizer
from stages.train.faults import Interruption
from stages.train.native.optimizer import (
    CLASSES,
    described,
    make_optimizer,
    optimizer_arguments,
    parameter_groups,
    used_rates,
)


def groups_of(run):
    return {group["name"]: group["lr"] for group in parameter_groups(run.network, run.params)}


def test_each_part_has_its_rate(project, make_run):
    assert groups_of(make_run(project, unet_lr=1e-4, text_encoder_lr=5e-5)) == {"textencoder": 5e-5, "unet": 1e-4}
    assert groups_of(make_run(project, unet_lr=None, text_encoder_lr=None, learning_rate=3e-4)) == {
        "textencoder": 3e-4,
        "unet": 3e-4,
    }


def test_one_rate_holds_for_all_text_encoders(project_sdxl, make_run):
    assert groups_of(make_run(project_sdxl, text_encoder_lr=[5e-5])) == {"textencoder": 5e-5, "unet": 1e-3}


def test_each_text_encoder_has_its_rate(project_sdxl, make_run):
    run = make_run(project_sdxl, text_encoder_lr=[2e-4, 5e-5])
    assert groups_of(run) == {"textencoder1": 2e-4, "textencoder2": 5e-5, "unet": 1e-3}
    of = {id(weight): name for name, weight in run.network.named_parameters()}
    for group in run.optimizer.param_groups:
        starts = {of[id(weight)].split("_")[1] for weight in group["params"]}
        assert starts == {{"textencoder1": "te1", "textencoder2": "te2", "unet": "unet"}[group["name"]]}
    assert sum(len(group["params"]) for group in run.optimizer.param_groups) == len(of)


def test_rate_of_zero_leaves_one_text_encoder_out(project_sdxl, make_run):
    run = make_run(project_sdxl, text_encoder_lr=[0.0, 5e-5])
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    run.step(Interruption())
    changed = {name for name, tensor in run.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name.split("_")[1] for name in changed} == {"te2", "unet"}
    assert {"lr/textencoder2", "lr/unet", "loss"} == set(run.progress.rows[-1])


def test_rates_of_more_text_encoders_than_there_are_are_refused(project, make_run):
    with pytest.raises(SpriteLoraError, match="has 2 rates, the base model has 1 text encoders"):
        make_run(project, text_encoder_lr=[1e-4, 1e-4])


def test_rate_of_zero_leaves_the_part_out_of_training_but_in_the_file(project, make_run):
    run = make_run(project, unet_lr=1e-4, text_encoder_lr=0.0)
    assert groups_of(run) == {"unet": 1e-4}
    assert any(name.startswith("lora_te_") for name in run.network.state_dict())
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    run.step(Interruption())
    changed = {name for name, tensor in run.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("lora_unet_") for name in changed)


@pytest.mark.parametrize(
    ("flag", "prefix"),
    [("network_train_unet_only", "lora_unet_"), ("network_train_text_encoder_only", "lora_te_")],
)
def test_one_part_only(project, make_run, flag, prefix):
    run = make_run(project, **{flag: True})
    assert {name.startswith(prefix) for name in run.network.state_dict()} == {True}
    run.step(Interruption())


def test_all_matrices_are_trained(project, make_run):
    run = make_run(project, conv_dim=2, conv_alpha=1.0)
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    for _ in range(2):
        run.step(Interruption())
    same = {name for name, tensor in run.network.state_dict().items() if torch.equal(tensor, before[name])}
    assert {name.rsplit(".", 1)[1] for name in same} == {"alpha"}


def one_weight(optimizer_type, rate=0.1, **changes):
    """An optimizer over one known weight, by the trainer's own road."""
    from sprite_lora.kohya.train_params import Train

    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    params = Train.model_construct(
        optimizer_type=optimizer_type, optimizer_args=(), learning_rate=rate, lr_scheduler="constant"
    ).model_copy(update=changes)
    return weight, make_optimizer([{"name": "unet", "params": [weight], "lr": rate}], params), params


def test_each_name_has_its_class():
    assert CLASSES.keys() == set(get_args(Optimizer))


def test_adamw_is_its_formula_in_float64():
    """Loshchilov and Hutter, arXiv:1711.05101; betas 0.9, 0.999, eps 1e-8, weight decay 0.01."""
    weight, optimizer, _ = one_weight("AdamW")
    w, m, v = weight.detach().double(), torch.zeros(2).double(), torch.zeros(2).double()
    for step in range(1, 4):
        gradient = torch.tensor([0.5, -0.1]).double() * step
        weight.grad = gradient.float()
        optimizer.step()
        w = w * (1 - 0.1 * 0.01)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        w = w - 0.1 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
        torch.testing.assert_close(weight.detach().double(), w, rtol=1e-5, atol=1e-6)


def test_lion_is_its_formula_in_float64():
    """Chen et al., arXiv:2302.06675; betas 0.9, 0.99, here weight decay 0.1."""
    weight, optimizer, _ = one_weight("Lion", optimizer_args=("weight_decay=0.1",))
    w, m = weight.detach().double(), torch.zeros(2).double()
    for step in range(1, 4):
        gradient = torch.tensor([0.5, -0.1]).double() * (-1) ** step
        weight.grad = gradient.float()
        optimizer.step()
        w = w * (1 - 0.1 * 0.1) - 0.1 * (0.9 * m + 0.1 * gradient).sign()
        m = 0.99 * m + 0.01 * gradient
        torch.testing.assert_close(weight.detach().double(), w, rtol=1e-5, atol=1e-6)


def test_adafactor_sets_its_own_rate():
    """Shazeer and Stern, arXiv:1804.04235: min(1e-2, 1 / sqrt(step)) times the weight's root mean square."""
    weight, optimizer, params = one_weight("Adafactor", lr_scheduler="adafactor")
    rms = weight.detach().double().square().mean().sqrt().item()
    weight.grad = torch.tensor([0.5, -0.1])
    optimizer.step()
    assert used_rates(optimizer)["lr/unet"] == pytest.approx(1e-2 * rms, rel=1e-2)
    assert described(optimizer, params) == "transformers.optimization.Adafactor(relative_step=True)"


def test_adafactor_with_given_rates():
    _, optimizer, _ = one_weight("Adafactor", optimizer_args=("relative_step=False", "scale_parameter=False"))
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_prodigys_rate_is_times_its_estimate():
    weight, optimizer, _ = one_weight("Prodigy", rate=1.0)
    for _ in range(5):
        weight.grad = weight.detach().clone()
        optimizer.step()
    estimate = optimizer.param_groups[0]["d"]
    assert estimate > 1e-6
    assert used_rates(optimizer)["lr/unet"] == pytest.approx(estimate)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer_type": "Lion", "learning_rate": 1e-4},
        {"optimizer_type": "Prodigy", "learning_rate": 1.0, "text_encoder_lr": None},
        {"optimizer_type": "Adafactor", "lr_scheduler": "adafactor"},
        {"optimizer_type": "AdamW", "optimizer_args": ["weight_decay=0.1", "betas=(0.8, 0.9)"]},
    ],
    ids=lambda changes: changes["optimizer_type"],
)
def test_each_optimizer_trains_and_lowers_the_loss(project, make_run, changes):
    from stages.train.native.gradients import batch_loss

    run = make_run(
        project,
        **{
            "text_encoder_lr": None,
            **changes,
            "max_train_epochs": 3,
            "lr_scheduler": changes.get("lr_scheduler", "constant"),
        },
    )
    batch = run.batch(run.pictures, 0)
    with torch.no_grad():
        before = batch_loss(run.model, batch)
    for _ in range(run.plan.steps):
        run.step(Interruption())
    with torch.no_grad():
        assert batch_loss(run.model, batch) < before
    assert set(run.progress.rows[-1]) == {"loss", "lr/unet", "lr/textencoder"}


def test_arguments_are_python_literals():
    assert optimizer_arguments(("weight_decay=0.1", "betas=0.9,0.99", "relative_step=False")) == {
        "weight_decay": 0.1,
        "betas": (0.9, 0.99),
        "relative_step": False,
    }


@pytest.mark.parametrize("argument", ["weight_decay", "weight_decay=many", "nonsense=1"])
def test_wrong_arguments_are_refused(argument):
    with pytest.raises(SpriteLoraError, match=r"train\.optimizer_args"):
        one_weight("AdamW", optimizer_args=(argument,))


def test_8bit_needs_its_package(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(SpriteLoraError, match="needs bitsandbytes"):
        one_weight("AdamW8bit")


@pytest.mark.parametrize("limit", [0.0, 1e-3, 1e6])
def test_gradients_are_clipped_over_all_weights(project, make_run, limit, monkeypatch):
    run = make_run(project, max_grad_norm=limit)
    seen = {}

    def note():
        seen["norm"] = torch.stack([w.grad.double().norm() for w in run.network.parameters()]).norm().item()

    monkeypatch.setattr(run.optimizer, "step", note)
    batch = run.batch([run.pictures[index] for index in _first_batch(run)], 0)
    from stages.train.native.gradients import batch_loss

    gradients = torch.autograd.grad(batch_loss(run.model, batch), list(run.network.parameters()))
    whole = torch.stack([gradient.double().norm() for gradient in gradients]).norm().item()
    run.step(Interruption())
    expected = whole if limit == 0 else min(whole, limit)
    assert seen["norm"] == pytest.approx(expected, rel=1e-3)


def _first_batch(run):
    from stages.train.native.batch import epoch_batches, step_batches

    return epoch_batches(run.plan, 42, 0)[step_batches(run.plan, 0)[0][0]]
