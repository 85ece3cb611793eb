"""Settings that `train` would stop at: what this machine cannot do, what the base is not made for, what is too much."""

import pytest

from sprite_lora.core import gpu
from stages.validate.machine import ELSEWHERE


@pytest.fixture
def with_gpu(monkeypatch):
    """A function that has the driver tell of a GPU of that compute capability: none is on the machines of the tests."""
    return lambda *capability: monkeypatch.setattr(gpu, "capabilities", lambda: (capability,))


def found(project, rule):
    project.validate()
    return [case["message"] for case in project.report()["findings"] if case["rule"] == rule]


def test_fp16_without_a_gpu_is_refused_here_and_left_to_the_runners_machine(project, monkeypatch):
    project.edit(train__mixed_precision="fp16")
    monkeypatch.setattr(gpu, "capabilities", lambda: ())
    assert found(project, "machine") == ["mixed_precision: fp16 needs a CUDA GPU; there is none here"]
    monkeypatch.setenv(ELSEWHERE, "1")
    assert found(project, "machine") == []


@pytest.mark.parametrize(
    ("capability", "train", "message"),
    [
        ((7, 5), {"train__mixed_precision": "bf16"}, "mixed_precision: bf16 needs a newer GPU than the one here"),
        ((8, 0), {"train__mixed_precision": "bf16"}, None),
        ((7, 5), {"train__mixed_precision": "fp16"}, None),
        ((12, 0), {"train__xformers": True, "train__sdpa": False}, "xformers has no deterministic backward pass"),
        ((8, 0), {"train__num_processes": 2}, "num_processes 2: there are 1 GPUs here"),
    ],
)
def test_gpu_decides(project, with_gpu, capability, train, message):
    with_gpu(*capability)
    project.edit(**train)
    said = [one for one in found(project, "machine") if "package" not in one]
    assert [message in one for one in said] == ([True] if message else [])


def test_backend_kohya_needs_its_checkout(project, monkeypatch, tmp_path):
    monkeypatch.setenv("SPRITE_LORA_SD_SCRIPTS", str(tmp_path / "nowhere"))
    project.edit(train__backend="kohya")
    assert "backend kohya needs sd-scripts, which is not here: uv run sprite-lora kohya install" in found(
        project, "machine"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train__clip_skip": 100}, "clip_skip 100: the base model's text encoder has "),
        ({"train__v_parameterization": True, "train__max_train_epochs": 100_000}, "more than 10,000 checkpoints"),
        ({"package__art_pixels": 96, "finish__enlarge": [100]}, "enlarge: 96 art pixels times 100 are more than 8192"),
        ({"sample__network_mul": float("nan")}, "`sample.network_mul` is nan: input should be a finite number"),
        ({"sample__guidance_scale": float("inf")}, "input should be a finite number"),
        ({"train__optimizer_args": ["colour=1"]}, "AdamW takes no 'colour' here"),
        ({"train__optimizer_args": ["betas=3"]}, "betas=3: input should be a valid tuple"),
        ({"train__output_name": "x" * 101}, "string should have at most 100 characters"),
    ],
)
def test_what_a_later_stage_would_fail_at_is_refused(project, changed, message):
    project.edit(**changed)
    assert any(message in one for one in found(project, "bad-value")), project.report()["findings"]
