from pathlib import Path

import pytest
import yaml
from places import ROOT

from sprite_lora.kohya.train_params import Train
from sprite_lora.lora import checkpoints, epochs


def train(**changes):
    """A run called x, of 10 epochs, each saved."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    return Train(**{**content, "output_name": "x", "max_train_epochs": 10, "save_every_n_epochs": 1, **changes})


def steps(**changes):
    return {"max_train_epochs": None, "save_every_n_epochs": None, **changes}


def test_names_are_kohyas():
    """A 10-epoch run of sd-scripts leaves 000001 to 000009 and an unnumbered last file."""
    names = [path.name for path in checkpoints.checkpoint_files(Path("c"), train()).values()]
    assert names == [*(f"x-{n:06d}.safetensors" for n in range(1, 10)), "x.safetensors"]


@pytest.mark.parametrize(("every", "saved"), [(3, [3, 6, 9, 10]), (5, [5, 10]), (20, [10])])
def test_the_last_epoch_is_saved_whatever_the_interval(every, saved):
    files = checkpoints.checkpoint_files(Path("c"), train(save_every_n_epochs=every))
    assert list(files) == saved
    assert checkpoints.checkpoint_files(Path("c"), train(save_every_n_epochs=every), 51) == files


def test_steps_that_leave_a_checkpoint():
    """kohya's names for steps; a checkpoint between two epochs is counted so, a whole epoch is a whole number."""
    saved = checkpoints.saved_checkpoints(train(**steps(max_train_steps=120, save_every_n_steps=25)), 50)
    assert [(one.epoch, one.step, one.name) for one in saved] == [
        (0.5, 25, "x-step00000025.safetensors"),
        (1, 50, "x-step00000050.safetensors"),
        (1.5, 75, "x-step00000075.safetensors"),
        (2, 100, "x-step00000100.safetensors"),
        (2.4, 120, "x.safetensors"),
    ]
    assert [type(one.epoch) for one in saved] == [float, int, float, int, float]


def test_a_run_of_so_many_steps_that_saves_epochs():
    saved = checkpoints.saved_checkpoints(train(max_train_epochs=None, max_train_steps=120), 50)
    assert [(one.epoch, one.step) for one in saved] == [(1, 50), (2, 100), (2.4, 120)]
    whole = checkpoints.saved_checkpoints(train(max_train_epochs=None, max_train_steps=100), 50)
    assert [(one.epoch, one.name) for one in whole] == [(1, "x-000001.safetensors"), (2, "x.safetensors")]


def test_epochs_that_save_by_steps():
    run = train(max_train_epochs=2, save_every_n_epochs=None, save_every_n_steps=40)
    saved = checkpoints.saved_checkpoints(run, 50)
    assert [(one.epoch, one.step) for one in saved] == [(0.8, 40), (1.6, 80), (2, 100)]


def test_many_checkpoints_in_an_epoch_stay_apart():
    saved = checkpoints.saved_checkpoints(train(**steps(max_train_steps=20_000, save_every_n_steps=50)), 10_150)
    assert len({one.epoch for one in saved}) == len(saved) == 400


@pytest.mark.parametrize(
    ("per_epoch", "changes"),
    [
        (300, {"max_train_steps": 1201, "save_every_n_epochs": 1}),
        (749, {"max_train_steps": 1500, "save_every_n_epochs": 1}),
        (1000, {"max_train_steps": 1001, "save_every_n_steps": 250}),
        (254, {"max_train_steps": 1, "save_every_n_steps": 1}),
        (20_000, {"max_train_steps": 100, "save_every_n_steps": 1}),
        (7, {"max_train_steps": 1000, "save_every_n_steps": 3}),
    ],
)
def test_no_checkpoint_is_counted_as_another_or_as_the_base(per_epoch, changes):
    """Fractions keep as many digits as that takes; a number is whole only where an epoch ends."""
    run = train(**steps(**changes))
    saved = checkpoints.saved_checkpoints(run, per_epoch)
    files = checkpoints.checkpoint_files(Path("c"), run, per_epoch)
    assert len({0, *files}) == len(saved) + 1
    for one in saved:
        assert isinstance(one.epoch, int) == (one.step % per_epoch == 0)
        assert one.epoch == pytest.approx(one.step / per_epoch, abs=0.005)
    assert list(files) == sorted(files)


def test_epoch_folders_sort_by_epoch():
    names = [epochs.epoch_folder(Path("s"), epoch).name for epoch in (0, 1, 1.5, 1.75, 2, 12, 12.25)]
    assert names == ["epoch-00", "epoch-01", "epoch-01.50", "epoch-01.75", "epoch-02", "epoch-12", "epoch-12.25"]
    assert sorted(names) == names
