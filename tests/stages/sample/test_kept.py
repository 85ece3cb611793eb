"""Pictures of a shard that did not finish are not drawn twice, and not taken for others."""

import shutil
from dataclasses import replace

import pytest

from stages.sample import epoch
from stages.sample.epoch import Checkpoint, draw_epoch
from stages.sample.kept import Kept, forget, kept_folder


@pytest.fixture
def half_drawn(sd15, make_setup, tmp_path, monkeypatch):
    """A setup whose second picture was not drawn, the first one's bytes, and the names that are drawn from now on."""
    setup = replace(make_setup(sd15), kept=Kept(kept_folder(tmp_path / "state"), ("code", "cpu")))
    names, draw = [], epoch.draw
    prompts = {prompt: name for name, prompt in setup.sample.prompts.items()}

    def draw_one(base, drawing):
        names.append(prompts[drawing.prompt])
        if interrupted and names[-1] == "lad":
            raise KeyboardInterrupt
        return draw(base, drawing)

    monkeypatch.setattr(epoch, "draw", draw_one)
    interrupted = [True]
    with pytest.raises(KeyboardInterrupt):
        draw_epoch(setup, Checkpoint(0), tmp_path / "out", at_once=1)
    first = (tmp_path / "out/lady.png").read_bytes()
    shutil.rmtree(tmp_path / "out")
    interrupted.clear()
    names.clear()
    return setup, first, names


def test_taken(half_drawn, tmp_path, capsys):
    setup, first, names = half_drawn
    lady, lad = draw_epoch(setup, Checkpoint(0), tmp_path / "out", at_once=1)
    assert names == ["lad"]
    assert lady.read_bytes() == first
    assert lad.is_file()
    assert "1 pictures were drawn before" in capsys.readouterr().out


@pytest.mark.parametrize("other", [{"conditions": ("newer code", "cpu")}, {"conditions": ("code", "H100")}])
def test_of_other_code_or_device_not_taken(half_drawn, tmp_path, other):
    setup, _, names = half_drawn
    draw_epoch(replace(setup, kept=replace(setup.kept, **other)), Checkpoint(0), tmp_path / "out", at_once=1)
    assert names == ["lady", "lad"]


def test_of_other_settings_not_taken(half_drawn, tmp_path):
    setup, _, names = half_drawn
    sample = setup.sample.model_copy(update={"seed": 1})
    draw_epoch(replace(setup, sample=sample), Checkpoint(0), tmp_path / "out", at_once=1)
    assert names == ["lady", "lad"]


@pytest.mark.parametrize("length", [0, 60, -40])
def test_damaged_not_taken(half_drawn, tmp_path, length):
    setup, first, names = half_drawn
    (kept,) = setup.kept.folder.iterdir()
    kept.write_bytes(first[:length])
    assert draw_epoch(setup, Checkpoint(0), tmp_path / "out", at_once=1)[0].read_bytes() == first
    assert names == ["lady", "lad"]


def test_forgotten_after_the_last_shard(half_drawn, tmp_path):
    forget(tmp_path / "state")
    setup, _, names = half_drawn
    draw_epoch(setup, Checkpoint(0), tmp_path / "out", at_once=1)
    assert names == ["lady", "lad"]
