"""Pictures while it trains: they show the network, and no byte of the training depends on them."""

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.drawing import Drawing, draw
from sprite_lora.core.params import Paths, load
from sprite_lora.lora.network import applied
from stages.train.faults import Interruption
from stages.train.native import previews as module
from stages.train.native.previews import Previews, drawing_mode

RANDOM = {"network_dropout": 0.2, "noise_offset": 0.1, "gradient_checkpointing": True, "max_train_epochs": 3}


def watch(project, **logs):
    content = yaml.safe_load((project.root / "params.yaml").read_text())
    content["logs"] |= logs
    (project.root / "params.yaml").write_text(yaml.safe_dump(content))


def pictures(project):
    (folder,) = (path for path in (project.root / "logs/train").iterdir() if path.is_dir())
    return {str(path.relative_to(folder)): np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))}


def test_training_is_the_same_with_and_without_them_and_when_resumed(project, monkeypatch):
    project.edit(**RANDOM)
    plain, state = project.train(), project.states()
    project.forget()
    watch(project, sample_every_n_epochs=2, sample_at_first=True)
    assert project.train() == plain
    assert project.states() == state, "they are in the fingerprint"
    drawn = pictures(project)
    assert list(drawn) == [f"epoch-{epoch}/{name}.png" for epoch in ("000000", "000002") for name in ("one", "two")]
    project.forget()
    project.train_until(8, monkeypatch)
    assert project.train() == plain
    assert all(np.array_equal(picture, drawn[name]) for name, picture in pictures(project).items())


def test_they_are_what_the_checkpoint_draws(project):
    """Without dropout, at full strength: as the stage `sample` draws that epoch on a CPU."""
    project.edit(network_dropout=0.5, learning_rate=0.02)
    watch(project, sample_every_n_epochs=1)
    project.train()
    drawn, base = pictures(project), load_base(load(Paths).base)
    sample = yaml.safe_load((project.root / "params.yaml").read_text())["sample"]
    settings = Drawing(
        "pixel art, a lady", sample["negative_prompt"], sample["seed"], 2, sample["guidance_scale"],
        sample["scheduler"], 48, 75, None, False,
    )  # fmt: skip
    plain, _ = draw(base, settings)
    for epoch, name in (("000001", "t-000001"), ("000002", "t")):
        with applied(base, project.root / f"outputs/checkpoints/{name}.safetensors", 1.0):
            expected, _ = draw(base, settings)
        found = drawn[f"epoch-{epoch}/one.png"]
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert np.abs(found.astype(int) - plain).max() > 10, "the LoRA does nothing: this test shows nothing"


def test_modes_devices_and_random_state_are_as_before(project, make_run):
    run = make_run(project, **RANDOM)
    run.base.unet.train()
    some = run.base.unet.down_blocks[0]
    some.eval()
    before = {part: part.training for part in run.base.unet.modules()}
    state = torch.get_rng_state()
    with drawing_mode(run, 0.5):
        assert not any(part.training for part in [*run.base.unet.modules(), *run.network.modules()])
        assert {lora.multiplier for lora in run.network.loras} == {0.5}
        run.base.predict(torch.zeros(1, 4, 6, 6), torch.tensor(5), run.base.encode(["a"], 75), 48)
    assert {part: part.training for part in run.base.unet.modules()} == before
    assert run.network.training
    assert {lora.multiplier for lora in run.network.loras} == {1.0}
    assert torch.equal(torch.get_rng_state(), state)
    run.base.unet.eval()


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError("CUDA out of memory.\nmore"), ValueError("")])
def test_a_failure_is_one_line_and_training_goes_on(project, monkeypatch, capsys, error):
    plain = project.train()
    project.forget()
    watch(project, sample_every_n_epochs=1)

    def fail(*_):
        raise error

    monkeypatch.setattr(module, "draw", fail)
    assert project.train() == plain
    lines = [line for line in capsys.readouterr().out.splitlines() if "were not drawn" in line]
    reason = str(error).split("\n")[0] or "ValueError"
    assert lines == [f"pictures of epoch {n} were not drawn: {reason}; the training goes on" for n in (1, 2)]


def test_a_signal_ends_the_drawing_after_a_picture(project, make_run, tmp_path, monkeypatch):
    run = make_run(project)
    run.progress.step = run.plan.steps_per_epoch
    from sprite_lora.bases.sample_params import Sample
    from sprite_lora.core.logs_params import Logs

    shown = Previews(Logs(sample_every_n_epochs=1, sample_at_first=False), load(Sample), 48, tmp_path / "shown")
    stopped = Interruption()
    stopped.number = 15
    shown.draw(run, stopped)
    assert [path.name for path in (tmp_path / "shown").rglob("*.png")] == ["one.png"]


def test_only_the_chief_draws_and_all_wait(project, make_run, monkeypatch):
    from types import SimpleNamespace

    from stages.train.native.training import show

    calls = []
    run = make_run(project)
    shown = SimpleNamespace(wanted=lambda run: True, draw=lambda run, interruption: calls.append("drawn"))
    run.accelerator.wait_for_everyone = lambda: calls.append("waited")
    for chief, expected in ((True, ["drawn", "waited"]), (False, ["waited"])):
        calls.clear()
        run.accelerator.is_main_process = chief
        show(shown, run, Interruption())
        assert calls == expected
