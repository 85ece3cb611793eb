"""`dvc repro` on the short params file: all is written, a second run does nothing, results can be walked back."""

import json
import time

import pytest
from PIL import Image
from safetensors import safe_open

STAGES = ["validate", "package", "train", "sample", "score", "select", "finish", "report"]


def test_all_stages_ran_and_wrote_their_reports(short_run):
    assert sorted(short_run.run("dvc", "stage", "list", "--name-only").stdout.split()) == sorted(["code", *STAGES])
    for name in (
        "validate.json",
        "captions.json",
        "plan.json",
        "score.json",
        "score.csv",
        "select.json",
        "select_summary.json",
        "report.html",
    ):
        assert (short_run.root / "reports" / name).stat().st_size > 0, name
    assert len(short_run.tensors()) == 2
    assert len(short_run.pictures()) == 3 * 2


def test_a_second_run_does_nothing(short_run):
    assert "up to date" in short_run.run("dvc", "status").stdout
    before = time.monotonic()
    printed = short_run.run("dvc", "repro").stdout
    assert "Running stage" not in printed
    assert time.monotonic() - before < 10


def test_the_work_tree_holds_nothing_that_git_would_add(short_run):
    assert short_run.run("git", "status", "--porcelain").stdout == ""


def test_from_a_picture_to_its_checkpoint_params_and_captions(short_run):
    """No folder name is believed: each step goes by a hash that the thing itself carries."""
    root = short_run.root
    picture = sorted((root / "outputs/samples/epoch-02").iterdir())[0]
    drawn = json.loads(Image.open(picture).text["sprite_lora"])

    checkpoints = {}
    for path in (root / "outputs/checkpoints").glob("*.safetensors"):
        with safe_open(path, "np") as file:
            checkpoints[file.metadata()["sshs_model_hash"]] = file.metadata()
    made = json.loads(checkpoints[drawn["checkpoint"]]["sprite_lora"])
    assert made["epoch"] == drawn["epoch"] == 2
    assert made["fingerprint"] == drawn["fingerprint"]
    assert made["params"]["max_train_epochs"] == 2

    manifest = json.loads((root / "outputs/dataset/manifest.json").read_text())
    assert made["captions"] == manifest["captions_sha256"]
    captions = json.loads((root / "reports/captions.json").read_text())
    assert {item["stem"]: item["caption"] for item in manifest["items"]} == captions
    for stem, caption in captions.items():
        assert (root / "captions" / f"{stem}.txt").read_text().strip() == caption


@pytest.mark.slow
def test_two_clones_make_the_same_bytes(short_run, fresh):
    fresh.run("dvc", "repro")
    assert fresh.tensors() == short_run.tensors()
    assert fresh.pictures() == short_run.pictures()
    assert (fresh.root / "dvc.lock").read_text() == (short_run.root / "dvc.lock").read_text()


@pytest.mark.slow
def test_a_run_counted_in_steps_is_sampled_scored_and_selected_like_any_other(fresh):
    """Three steps are an epoch; checkpoints after steps 2, 4 and 5 stand between epochs."""
    fresh.edit(
        train__max_train_epochs=None,
        train__max_train_steps=5,
        train__save_every_n_epochs=None,
        train__save_every_n_steps=2,
    )
    fresh.run("dvc", "repro")
    drawn = sorted(path.name for path in (fresh.root / "outputs/samples").iterdir())
    assert drawn == ["epoch-00", "epoch-00.67", "epoch-01.33", "epoch-01.67"]
    selected = json.loads((fresh.root / "reports/select.json").read_text())
    assert selected["epoch"] in (0.67, 1.33, 1.67)
    assert f"Epoch {selected['epoch']} scores" in selected["reasons"][0]
    page = (fresh.root / "reports/report.html").read_text()
    assert 'id="epoch-1.33"' in page
    assert "Data and pipelines are up to date." in fresh.run("dvc", "repro").stdout
