"""Every precision trains, on the CPU, with torch's own autocast and GradScaler.

`train` refuses fp16 on a CPU for its slowness; these tests lift that. What a CPU cannot show: CUDA's kernels,
AdamW8bit, xformers (test_gpu.py).
"""

import json

import pytest
import torch
from training_cases import CASES, learned

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import Paths, load
from stages.train import faults
from stages.train.native import gradients
from stages.train.native.precision import Precision


@pytest.fixture(autouse=True)
def fp16_on_a_cpu(monkeypatch):
    monkeypatch.setattr("stages.train.native.needs.check_device", lambda *_: None)


def losses(project):
    (state,) = project.states()
    return [row["loss"] for row in json.loads((state / "steps.json").read_text())]


USUAL = [
    ("project", "fp16"),
    ("project", "bf16"),
    ("project", "fp16, checkpointing and dropout"),
    ("project_sdxl", "fp16"),
]
ALL = [(family, case) for family in ("project", "project_sdxl") for case in CASES]


@pytest.mark.parametrize(
    ("family", "case"), [pytest.param(*one, marks=() if one in USUAL else pytest.mark.slow) for one in ALL]
)
def test_it_trains_from_the_first_step(request, family, case, capsys):
    """As many steps as in fp32, none left out, every weight moved, and the loss of fp32 to 16 bits' rounding."""
    project = request.getfixturevalue(family)
    project.edit(**{key: value for key, value in CASES[case].items() if key not in ("mixed_precision",)})
    whole = learned(project.train())
    exact = losses(project)
    project.forget()
    project.edit(**CASES[case])
    assert learned(project.train()) == pytest.approx(whole, rel=0.1)
    assert losses(project) == pytest.approx(exact, rel=0.02)
    assert "overflowed" not in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_resumed_run_gives_the_same_bytes(project, killed_at, precision):
    project.edit(mixed_precision=precision, save_state_every_n_steps=2)
    whole = project.train()
    project.forget()
    killed_at(project, 4)
    assert project.train() == whole


@pytest.fixture
def fp16_run(project, make_run, tiny_sd):
    from sprite_lora.bases.base_model import load_base

    project.edit(mixed_precision="fp16", lr_scheduler="linear", save_state_every_n_steps=1)
    return make_run(project, base=load_base(load(Paths).base, torch.float16))


def weights(run):
    return {name: tensor.clone() for name, tensor in run.network.state_dict().items()}


def test_a_gradient_that_overflows_leaves_the_step_out_and_halves_the_scale(fp16_run, monkeypatch):
    run = fp16_run
    run.step(faults.Interruption())
    before, scale = weights(run), run.precision.scaler.get_scale()
    plain = gradients.add_gradients

    def overflow(model, batch, factor, pool):
        return plain(model, batch, factor * 1e38, pool)

    with monkeypatch.context() as patch:
        patch.setattr("stages.train.native.run.add_gradients", overflow)
        run.step(faults.Interruption())
    assert run.precision.scaler.get_scale() == scale / 2
    assert (run.progress.step, run.progress.schedule_step, run.skipped) == (2, 1, 1), "the schedule waits"
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(run).items())
    assert run.progress.rows[-1]["loss"] > 0
    run.step(faults.Interruption())
    assert (run.progress.schedule_step, run.skipped) == (2, 1)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in weights(run).items())


def test_a_forward_pass_that_overflows_leaves_the_step_out_and_many_in_a_row_end_the_run(fp16_run, monkeypatch):
    """fp16 ends at 65504. The loss is no number then, and kohya's scaler goes on too."""
    run = fp16_run
    before = weights(run)
    head = run.base.unet.conv_out.register_forward_hook(lambda module, inputs, output: output * 1e6)
    run.step(faults.Interruption())
    assert "loss" not in run.progress.rows[-1]
    assert (run.progress.step, run.skipped, run.precision.scaler.get_scale()) == (1, 1, 2.0**15)
    for _ in range(15):
        run.step(faults.Interruption())
    assert run.precision.scaler.get_scale() == 1.0
    with pytest.raises(SpriteLoraError, match="gradients' norm is nan at step 17"):
        run.step(faults.Interruption())
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(run).items())
    head.remove()


def test_a_run_with_steps_left_out_says_so_and_its_log_goes_on(project, monkeypatch, capsys):
    project.edit(mixed_precision="fp16", max_train_epochs=1)
    plain, calls = gradients.add_gradients, []

    def overflow_at_first(model, batch, factor, pool):
        calls.append(1)
        return plain(model, batch, factor * (1e38 if len(calls) == 1 else 1.0), pool) * (
            float("nan") if len(calls) == 1 else 1.0
        )

    monkeypatch.setattr("stages.train.native.run.add_gradients", overflow_at_first)
    project.train()
    assert "step 1: a value overflowed in fp16" in capsys.readouterr().out
    steps = (project.root / "reports/train/plots/metrics/loss.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in steps] == ["step", "2", "3"]


def test_the_scaler_and_its_defaults_are_torchs():
    """sd-scripts has accelerate's, which are torch's: 2^16, halved at an overflow, doubled after 2,000 steps."""
    assert Precision("no", torch.device("cpu")).scaler is None
    assert Precision("bf16", torch.device("cpu")).scaler is None
    scaler = Precision("fp16", torch.device("cpu")).scaler
    assert isinstance(scaler, torch.amp.GradScaler)
    assert (scaler.get_scale(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (65536.0, 0.5, 2000)
