"""The plan: what the trainer will do, by the same arithmetic, and what the disk must hold."""

from collections import namedtuple

import pytest
import yaml
from places import ROOT

from sprite_lora.dataset.package_params import Package
from sprite_lora.kohya.train_params import Train
from sprite_lora.results.plan import Plan
from stages.train.native.batch import BatchPlan, entries
from stages.validate.plan import make_plan

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize(("batch", "processes", "accumulation"), [(1, 1, 1), (4, 1, 3), (2, 3, 2)])
@pytest.mark.parametrize("regular", [[], [1, 4], [1] * 30])
def test_the_plan_is_what_the_trainer_does(batch, processes, accumulation, regular):
    changes = {
        "train_batch_size": batch, "num_processes": processes, "gradient_accumulation_steps": accumulation,
        "max_train_epochs": 10, "save_every_n_epochs": 4,
    }  # fmt: skip
    train = Train.model_validate(PARAMS["train"] | changes)
    package = Package.model_validate(PARAMS["package"] | {"num_repeats": 3})
    plan = make_plan(7, package, train, [], regular)
    trainer = BatchPlan(entries(7, 3, regular), batch, accumulation, processes, 10)
    assert (plan.steps_per_epoch, plan.steps) == (trainer.steps_per_epoch, trainer.steps)
    assert plan.pictures_per_epoch + plan.regularisation_per_epoch == len(trainer.entries)
    assert plan.checkpoints == 3


def test_validate_writes_and_prints_it(project):
    project.edit(
        package__num_repeats=3, train__train_batch_size=5, train__max_train_epochs=10, train__save_every_n_epochs=4,
    )  # fmt: skip
    done = project.validate("--steps-per-second", "0.5")
    plan = Plan.read(project.root)
    assert (plan.pictures_per_epoch, plan.steps_per_epoch) == (24, 5), "the short last batch counts"
    assert (plan.steps, plan.checkpoints) == (50, 3)
    assert plan.dataset_bytes == 8 * 192 * 192 * 3
    assert plan.disk_bytes == 3 * plan.checkpoints_bytes + 2 * plan.dataset_bytes
    assert "8 pictures x 3 repeats = 24 per epoch" in done.stdout
    assert "5 steps per epoch of 5 pictures each, 50 steps in 10 epochs" in done.stdout
    assert "0.0 hours at 0.5 steps per second" in done.stdout


def test_no_old_plan_outlives_an_error(project):
    project.validate()
    assert Plan.read(project.root)
    project.edit(train__network_dim="many")
    project.validate()
    assert not (project.root / Plan.place).exists()


def test_a_disk_that_is_too_small_is_an_error(project, monkeypatch):
    project.validate()
    needed = Plan.read(project.root).disk_bytes
    free = namedtuple("Usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: free(needed))
    assert project.validate().returncode == 0
    monkeypatch.setattr("shutil.disk_usage", lambda path: free(needed - 1))
    assert project.validate().returncode == 1
    assert [case["rule"] for case in project.report()["findings"]] == ["disk"]
