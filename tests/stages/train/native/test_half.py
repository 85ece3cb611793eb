"""full_bf16 and full_fp16: weights, gradients and optimizer in 16 bit. CUDA is not needed for any of it."""

from types import SimpleNamespace

import pytest
import torch

from sprite_lora.bases.base_model import load_base
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.train_params import Train
from stages.train.faults import Interruption
from stages.train.native.half import allow_half_gradients, weights_dtype
from stages.train.native.inputs import make_plan, read_pictures
from stages.train.native.run import Run

ADAFACTOR = {"optimizer_type": "Adafactor", "lr_scheduler": "adafactor"}


def half_run(project, dtype, **changes):
    """A run in 16 bit, with torch's own autocast and scaler for the CPU."""
    project.edit(**changes)
    params, paths = load(Train), load(Paths)
    manifest = read_manifest(paths.dataset)
    base = load_base(paths.base, dtype)
    pictures = read_pictures(base, manifest, paths.dataset, [], 1.0, None)
    accelerator = SimpleNamespace(
        device=torch.device("cpu"), num_processes=1, process_index=0, is_main_process=True,
    )  # fmt: skip
    return Run(params, base, pictures, make_plan(params, manifest, []), manifest.resolution, accelerator, None)


def seen_by_the_optimizer(run):
    """Dtypes of weights, gradients and optimizer state after two steps."""
    gradients = set()
    step = run.optimizer.step

    def noting(*arguments, **named):
        gradients.update(weight.grad.dtype for group in run.optimizer.param_groups for weight in group["params"])
        return step(*arguments, **named)

    run.optimizer.step = noting
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    for _ in range(2):
        run.step(Interruption())
    run.network.restore()
    after = run.network.state_dict()
    assert any(not torch.equal(after[name], before[name]) for name in after)
    assert all(tensor.isfinite().all() for tensor in after.values())
    return {tensor.dtype for tensor in after.values()}, gradients


def test_full_bf16(project):
    run = half_run(project, torch.bfloat16, mixed_precision="bf16", full_bf16=True)
    assert seen_by_the_optimizer(run) == ({torch.bfloat16}, {torch.bfloat16})
    assert {state["exp_avg"].dtype for state in run.optimizer.state.values()} == {torch.bfloat16}


def test_mixed_bf16_keeps_weights_and_gradients_in_32_bit(project):
    run = half_run(project, torch.bfloat16, mixed_precision="bf16")
    assert seen_by_the_optimizer(run) == ({torch.float32}, {torch.float32})


def test_full_fp16(project):
    """With torch's own GradScaler, on the CPU."""
    run = half_run(project, torch.float16, mixed_precision="fp16", full_fp16=True, **ADAFACTOR)
    assert seen_by_the_optimizer(run) == ({torch.float16}, {torch.float16})


def test_scaler_unscales_half_gradients_once_it_may():
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float16))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(weight.float().sum() * 0.5).backward()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.unscale_(optimizer)
    allow_half_gradients(scaler)
    fresh = torch.amp.GradScaler("cpu", init_scale=8.0)
    fresh.scale(torch.zeros(()))
    allow_half_gradients(fresh)
    fresh.unscale_(optimizer)
    assert weight.grad.tolist() == [0.5, 0.5, 0.5]
    fresh.step(optimizer)
    assert weight.tolist() == [0.5, 0.5, 0.5]


def test_half_gradient_that_overflowed_leaves_the_step_out():
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float16))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
    allow_half_gradients(scaler)
    scaler.scale(weight.float().sum() * 2).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [1.0, 1.0, 1.0]
    assert scaler.get_scale() == 32768.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"full_fp16": True}, "full_fp16 needs mixed_precision: fp16"),
        ({"full_bf16": True, "mixed_precision": "fp16"}, "full_bf16 needs mixed_precision: bf16"),
        ({"full_fp16": True, "mixed_precision": "fp16"}, "AdamW makes weights that are no numbers"),
        (
            {"full_fp16": True, "mixed_precision": "fp16", "optimizer_type": "Prodigy"},
            "Prodigy makes weights that are no numbers",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(project, changes, message):
    project.edit(**changes)
    with pytest.raises(SpriteLoraError, match=message):
        load(Train)


def test_adamw_in_fp16_makes_weights_that_are_no_numbers():
    """Why it is refused: with gradients of 1e-4, as a LoRA has them."""
    weight = torch.nn.Parameter(torch.full((4,), 0.1, dtype=torch.float16))
    weight.grad = torch.full((4,), 1e-4, dtype=torch.float16)
    torch.optim.AdamW([weight], lr=1e-4).step()
    assert not weight.isfinite().any()


@pytest.mark.parametrize(
    ("saved", "stored"), [(None, "BF16"), ("float", "F32"), ("fp16", "F16")], ids=["as trained", "float", "fp16"]
)
def test_file_is_saved_as_it_was_trained_unless_said_otherwise(project, saved, stored):
    project.edit(mixed_precision="bf16", full_bf16=True, save_precision=saved, max_train_epochs=1)
    project.train()
    file = project.root / "outputs/checkpoints/t.safetensors"
    assert {tensor["dtype"] for tensor in read_header(file).tensors.values()} == {stored}


def test_resumed_run_has_the_same_bytes(project):
    """Weights, moments and all of the state are 16 bit."""
    project.edit(mixed_precision="bf16", full_bf16=True, save_precision=None)
    params = load(Train)
    assert weights_dtype(params) == torch.bfloat16
    one = half_run(project, torch.bfloat16)
    for _ in range(4):
        one.step(Interruption())
    one.network.restore()
    two = half_run(project, torch.bfloat16)
    for _ in range(2):
        two.step(Interruption())
    two.network.restore()
    three = half_run(project, torch.bfloat16)
    three.restore(two.progress, two.parts())
    for _ in range(2):
        three.step(Interruption())
    three.network.restore()
    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, three.network.state_dict()[name]), name


@pytest.mark.parametrize(
    "settings",
    [
        {"mixed_precision": "bf16", "full_bf16": True, **ADAFACTOR},
        {"mixed_precision": "fp16", "full_fp16": True, **ADAFACTOR},
        {"mixed_precision": "bf16", "full_bf16": True},
    ],
    ids=["Adafactor in bf16", "Adafactor in fp16", "AdamW in bf16"],
)
def test_a_resumed_run_in_16_bit_gives_the_same_bytes(project, killed_at, monkeypatch, settings):
    """Adafactor's moments are float32 beside 16-bit weights, and must come back so."""
    monkeypatch.setattr("stages.train.native.needs.check_device", lambda *_: None)
    project.edit(save_state_every_n_steps=2, **settings)
    whole = project.train()
    project.forget()
    killed_at(project, 5)
    assert project.train() == whole
