"""Each fault, injected."""

import shutil
from collections import namedtuple

import pytest
import torch

from sprite_lora.core import machine
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import load
from sprite_lora.kohya.train_params import Train
from stages.train import faults
from stages.train.native import gradients, needs, training
from stages.train.native.run import Run


def fail_at_step(monkeypatch, step, change):
    """Let `change(loss, run)` alter what a step computes."""
    plain = gradients.add_gradients

    def changed(model, batch, factor, pool):
        loss = plain(model, batch, factor, pool)
        changed.batches += 1
        return change(loss, model) if changed.batches == step else loss

    changed.batches = 0
    monkeypatch.setattr("stages.train.native.run.add_gradients", changed)


def nan_loss(loss, model):
    return loss * float("nan")


def infinite_gradient(loss, model):
    next(weight for weight in model.network.parameters() if weight.grad is not None).grad[0] = float("inf")
    return loss


@pytest.mark.parametrize(
    ("change", "what"), [(nan_loss, "the loss is nan"), (infinite_gradient, "the gradients' norm is inf")]
)
def test_value_that_is_not_finite_stops_before_the_weights_change(project, monkeypatch, change, what):
    project.edit(lr_scheduler="constant")
    whole = project.train()
    project.forget()
    stepped = []
    plain = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *a, **k: (stepped.append(1), plain(self, *a, **k))[1])
    with monkeypatch.context() as patch:
        fail_at_step(patch, 5, change)
        with pytest.raises(SpriteLoraError) as caught:
            project.train()
    message = str(caught.value)
    assert f"{what} at step 5: " in message
    for said in (
        "learning rate 0.001",
        "mixed_precision no",
        "lady ",
        "red hair",
        "try learning rates ten times lower",
    ):
        assert said in message
    assert len(stepped) == 4
    (state,) = project.states()
    assert [path.name for path in (state / "epochs").iterdir()] == ["t-000001.safetensors"], "the last good one is kept"
    assert not (project.root / "outputs/checkpoints").exists()
    assert project.train() == whole, "and it can go on from there"


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["cuda", "python", "torch on the CPU"],
)
def test_too_little_memory_names_the_knobs_in_order(project, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(Run, "batch", fail)
    with pytest.raises(SpriteLoraError) as caught:
        project.train()
    message = str(caught.value)
    assert "train_batch_size 2, 48 px, network_dim 4" in message
    places = [message.index(knob.split()[0]) for knob in faults.MEMORY_KNOBS[1:]]
    assert places == sorted(places)
    assert message.index("train.train_batch_size lower") < places[0]


def test_other_errors_are_not_taken_for_memory(project, monkeypatch):
    def fail(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(Run, "batch", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        project.train()


Usage = namedtuple("Usage", "total used free")


def test_full_disk_is_found_before_the_first_step(project, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, faults.SPARE + 100_000))
    monkeypatch.setattr(Run, "step", lambda *_: pytest.fail("a step was trained"))
    with pytest.raises(SpriteLoraError, match="MB free, the whole training needs"):
        project.train()


def test_disk_that_fills_up_is_found_before_a_save(project, monkeypatch):
    whole = project.train()
    project.forget()
    real = shutil.disk_usage
    with monkeypatch.context() as patch:
        plain = Run.step

        def step(run, interruption):
            plain(run, interruption)
            if run.progress.step == 6:
                patch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 1000))

        patch.setattr(Run, "step", step)
        with pytest.raises(SpriteLoraError, match=r"t\.safetensors needs"):
            project.train()
    assert shutil.disk_usage is real
    assert project.train() == whole


def test_disk_needed_is_what_is_written(project):
    """Of a whole run: what lies in the state folder at its fullest, and in the output."""
    project.edit(save_precision="fp16", max_train_epochs=3)
    project.train()
    (state,) = project.states()
    files = [path.stat().st_size for path in (state / "epochs").iterdir()]
    from sprite_lora.lora.file import read_tensors

    tensors = read_tensors(state / "epochs/t.safetensors")
    weights = sum(tensor.numel() for name, tensor in tensors.items() if not name.endswith("alpha"))
    to_state, to_out = needs.disk_needed(2 * sum(tensor.numel() for tensor in tensors.values()), weights, weights, 3, 3)
    assert sum(files) <= to_out
    assert to_state >= sum(files) + 2 * 12 * weights


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixed_precision": "fp16"}, "train.mixed_precision: fp16 needs a CUDA GPU"),
        ({"xformers": True, "sdpa": False}, "train.xformers: true needs a CUDA GPU"),
        ({"optimizer_type": "AdamW8bit"}, "train.optimizer_type: AdamW8bit needs a CUDA GPU"),
    ],
)
def test_what_this_machine_cannot_do_is_said_first(project, changes, message):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    project.edit(**changes)
    with pytest.raises(SpriteLoraError, match=message):
        project.train()
    assert not (project.root / "state").exists()


def test_more_processes_than_gpus_are_refused(monkeypatch):
    from stages.train.launch import launch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SpriteLoraError, match="num_processes is 2, this machine has 1 GPUs"):
        launch(2)


def test_settings_that_do_nothing_are_said(project_sdxl, capsys):
    project_sdxl.edit(clip_skip=2, shuffle_caption=False, lr_scheduler="cosine", lr_scheduler_num_cycles=3)
    project_sdxl.train()
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ignored: ")]
    assert [line.split(":")[1] for line in said] == [
        " train.clip_skip", " train.lr_scheduler_num_cycles", " train.keep_tokens",
    ]  # fmt: skip


def test_an_operation_without_a_deterministic_kernel_is_said_and_allowed(project, make_run, monkeypatch, capsys):
    """What CUDA does for some operations; here the error that torch raises, at the batch that is tried before all."""
    run = make_run(project)
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    machine.deterministic()
    training.settle_determinism(run)
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert capsys.readouterr().out == ""
    message = "histc_cuda does not have a deterministic implementation, but you set ... . You can turn"

    def fail(*_):
        raise RuntimeError(message)

    monkeypatch.setattr("stages.train.native.training.add_gradients", fail)
    training.settle_determinism(run)
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert "two runs may differ in the last bits: histc_cuda does not have" in capsys.readouterr().out
    assert all(weight.grad is None for weight in run.network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.network.state_dict().items())
    message = "another error"
    with pytest.raises(RuntimeError, match="another error"):
        training.settle_determinism(run)
    machine.deterministic()


def test_bf16_that_a_gpu_only_emulates_is_refused(project, monkeypatch):
    """torch says that every GPU can do it, by emulation, unless asked not to count that."""
    asked = []

    def supported(including_emulation=True):
        asked.append(including_emulation)
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    project.edit(mixed_precision="bf16")
    with pytest.raises(SpriteLoraError, match="bf16 needs a newer GPU"):
        needs.check_device(load(Train), torch.device("cuda"))
    assert asked == [False]


def test_xformers_is_refused_on_a_gpu_for_which_it_has_no_deterministic_backward_pass(project, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (12, 0))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    project.edit(xformers=True, sdpa=False)
    with pytest.raises(SpriteLoraError, match="xformers has no deterministic backward pass for this GPU"):
        needs.check_device(load(Train), torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    needs.check_device(load(Train), torch.device("cuda"))
