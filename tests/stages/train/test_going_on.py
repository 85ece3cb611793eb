"""A raised max_train_epochs goes on from the finished run, to the bytes of a run that was planned so long."""

import pytest

from sprite_lora.core.params import load
from sprite_lora.kohya.train_params import Train
from stages.train.native import gradients
from stages.train.native.going_on import can_go_on


@pytest.fixture
def counted(monkeypatch):
    """Batches that are computed from now on."""
    plain, calls = gradients.add_gradients, []

    def count(*arguments):
        calls.append(1)
        return plain(*arguments)

    monkeypatch.setattr("stages.train.native.run.add_gradients", count)
    return calls


BATCHES = 3
"""Of an epoch: five sprites, two at a time."""

CONSTANT = {"lr_scheduler": "constant", "network_dropout": 0.2}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(CONSTANT, id="constant"),
        pytest.param(
            {"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 4}, id="warm-up", marks=pytest.mark.slow
        ),
        pytest.param(
            {"optimizer_type": "Adafactor", "lr_scheduler": "adafactor"}, id="Adafactor", marks=pytest.mark.slow
        ),
    ],
)
def test_a_longer_run_goes_on_and_is_the_run_planned_so_long(project, counted, capsys, settings):
    project.edit(max_train_epochs=4, **settings)
    planned, log = project.train(), (project.root / "reports/train/plots/metrics/loss.tsv").read_text()
    project.forget()
    project.edit(max_train_epochs=2)
    project.train()
    counted.clear()
    project.edit(max_train_epochs=4)
    assert project.train() == planned
    assert len(counted) == 2 * BATCHES
    assert (project.root / "reports/train/plots/metrics/loss.tsv").read_text() == log
    said = capsys.readouterr().out
    assert "going on from a run of 2 epochs that was the same otherwise" in said
    assert "resuming after step 6 of 12" in said


def test_it_goes_on_from_the_longest_and_again(project, counted):
    project.edit(max_train_epochs=5, **CONSTANT)
    planned = project.train()
    project.forget()
    for epochs in (1, 3, 2):
        project.edit(max_train_epochs=epochs)
        project.train()
    counted.clear()
    project.edit(max_train_epochs=5)
    assert project.train() == planned
    assert len(counted) == 2 * BATCHES


def test_epochs_that_are_not_saved_any_more_are_left_out(project, counted):
    """Every second epoch: of three the last is saved because it is the last, of five it is not."""
    project.edit(max_train_epochs=5, save_every_n_epochs=2, **CONSTANT)
    planned = project.train()
    project.forget()
    project.edit(max_train_epochs=3)
    project.train()
    counted.clear()
    project.edit(max_train_epochs=5)
    assert project.train() == planned
    assert len(counted) == 2 * BATCHES


@pytest.mark.parametrize(
    "change", [{"lr_scheduler": "cosine"}, {"learning_rate": 2e-3}, {"seed": 43}], ids=lambda change: next(iter(change))
)
def test_a_run_that_differs_otherwise_begins_anew(project, counted, change):
    project.edit(max_train_epochs=1, **CONSTANT)
    project.train()
    counted.clear()
    project.edit(max_train_epochs=2, **change)
    project.train()
    assert len(counted) == 2 * BATCHES


def test_a_schedule_that_ends_keeps_no_state_of_a_finished_run(project):
    project.edit(lr_scheduler="cosine", max_train_epochs=1)
    project.train()
    assert not can_go_on(load(Train))
    (state,) = project.states()
    assert not (state / "resume.pt").exists()


def test_a_warm_up_given_as_a_share_hangs_on_the_length(project):
    project.edit(lr_scheduler="constant_with_warmup", lr_warmup_steps=0.1)
    assert not can_go_on(load(Train))


def test_a_finished_run_that_lost_a_checkpoint_begins_anew(project, counted, capsys):
    project.edit(max_train_epochs=2, **CONSTANT)
    whole = project.train()
    (state,) = project.states()
    (state / "epochs/t-000001.safetensors").unlink()
    counted.clear()
    assert project.train() == whole
    assert len(counted) == 2 * BATCHES
    assert "t-000001.safetensors is gone" in capsys.readouterr().out


def test_a_run_counted_in_steps_keeps_no_state(project):
    project.edit(max_train_epochs=None, max_train_steps=3, **CONSTANT)
    assert not can_go_on(load(Train))
