"""What `doctor` says of a machine: here one without a GPU. On a runner's machine: tests/pipeline/runners."""

import json
import re
import shutil

import pytest
import torch
from click.testing import CliRunner
from hub_stand_in import machine, sprite_lora
from places import ROOT

from tools.doctor import checks
from tools.doctor.command import command


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for name in ("data", "captions", "regularisation", "models"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "reports").mkdir()
    shutil.copy(ROOT / "reports/plan.json", tmp_path / "reports")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    done = CliRunner().invoke(command, arguments)
    return done.exit_code, done.output


def of(name):
    return next(check for check in checks.checks() if check.name == name)


def test_a_machine_without_a_gpu_can_train_the_default(project):
    code, said = run()
    assert code == 0, said
    assert "none: train and sample run on the CPU" in said
    assert "models/nano, 0.02 GB of weights" in said


def test_settings_for_a_gpu_are_problems_here(project):
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(re.sub(r"mixed_precision: \S+", "mixed_precision: fp16", text))
    code, said = run()
    assert code == 1, said
    assert "mixed_precision: fp16 needs a CUDA GPU" in said


def test_missing_base_is_a_problem(project):
    (project / "models").unlink()
    (project / "models").mkdir()
    assert of("base model").state == "problem"
    assert of("GPU memory").state == "not known"


def test_weights_that_a_list_stands_for(project, tmp_path):
    """Without the weights it knows their size and memory, what is to be fetched, and the room for that."""
    memory, size = of("GPU memory").said, of("base model").said
    (project / "models").unlink()
    (project / "models").mkdir()
    for name in ("no_vae", "no_weights"):
        (project / "models" / name).mkdir()
    done = sprite_lora(project, "base", "add", "nano", "--from", str(ROOT / "models/nano"))
    assert done.returncode == 0, done.stderr
    with machine(project / "cache"):
        assert (of("base model").state, of("base model").said) == ("ok", f"{size}, in this machine's cache")
        assert of("GPU memory").said == memory
    with machine(project / "empty"):
        missing = of("base model")
        assert (missing.state, missing.said) == ("warning", f"{size}; 0.02 GB are not in this machine's cache")
        assert "sprite-lora base fetch nano" in missing.hint


def test_memory_of_the_weights(project):
    """Counted anew: every weight of the base's parts at 4 bytes, each weight of the LoRA at 16."""
    from safetensors.torch import load_file

    base = sum(
        tensor.numel() for part in ("unet", "vae", "text_encoder")
        for path in (ROOT / "models/nano" / part).glob("*.safetensors") for tensor in load_file(path).values()
    )  # fmt: skip
    trained = json.loads((ROOT / "reports/plan.json").read_text())["lora_parameters"]
    assert of("GPU memory").said.startswith(f"{(4 * base + 16 * trained) / 1e9:.2f} GB for the weights")


def test_full_disk_is_a_problem(project, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10, 9, 1))
    assert {check.state for check in checks.checks() if check.name.startswith("disk: ")} == {"problem"}


def test_time_and_cost_by_the_last_finished_training(project):
    folder = project / "logs/train"
    folder.mkdir(parents=True)
    assert of("time").state == "not known"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else checks.platform.processor() or "cpu"
    begun = "2026-01-01T10:00:00+00:00"
    logs = {
        "old": {"started_at": begun, "finished_at": "2026-01-01T10:00:10+00:00", "steps": 100, "device": device},
        "new": {"started_at": begun, "finished_at": "2026-01-01T11:00:00+00:00", "steps": 100, "device": device},
        "other": {"started_at": begun, "finished_at": "2026-01-02T10:00:00+00:00", "steps": 1, "device": "other"},
        "killed": {"started_at": begun, "finished_at": None, "steps": None, "device": device},
    }
    for name, log in logs.items():
        (folder / f"{name}.json").write_text(json.dumps(log))
    steps = json.loads((project / "reports/plan.json").read_text())["steps"]
    minutes = steps * 36 / 60
    assert f"{steps} steps at 36.00 s, as last measured here: {minutes:.0f} minutes" in of("time").said
    _, said = run("--price", "2")
    assert f"{minutes / 60 * 2:.2f} at 2 an hour" in said
