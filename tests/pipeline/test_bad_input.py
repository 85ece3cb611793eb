"""A user's mistake: one clear message from `validate`, exit code not 0, no traceback, nothing trained or deleted."""

import re

import pytest


def first(project, folder):
    return sorted((project.root / folder).iterdir())[0]


def missing_caption(project):
    first(project, "captions").unlink()


def corrupt_png(project):
    first(project, "data").write_bytes(b"\x89PNG\r\n\x1a\n broken")


def unknown_key(project):
    project.edit(train__network_dimm=8)


def odd_resolution(project):
    project.edit(package__resolution=512)


def no_base(project):
    project.edit(paths__base="models/not-there")


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (missing_caption, ["missing-caption"]),
        (corrupt_png, ["unreadable-image"]),
        (unknown_key, ["network_dimm", "network_dim"]),
        (odd_resolution, ["512", "24"]),
        (no_base, ["models/not-there"]),
    ],
)
def test_validate_stops_the_pipeline_and_nothing_is_lost(project, mistake, said):
    tensors, pictures = project.tensors(), project.pictures()
    mistake(project)
    done = project.run("dvc", "repro", check=False)
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "failed to reproduce 'validate'" in printed
    for words in said:
        assert words in printed
    assert "Traceback" not in printed
    assert project.tensors() == tensors
    assert project.pictures() == pictures


def break_train(project):
    stage = project.root / "stages/train/__main__.py"
    source = stage.read_text()
    stage.write_text(re.sub(r"run_stage\(\w+\)", "run_stage(lambda: 1 / 0)", source))
    assert stage.read_text() != source


def test_a_later_stage_that_fails_says_how_to_bring_results_back(project):
    """DVC has deleted the stage's old outputs by then; they are in its cache."""
    tensors, page = project.tensors(), (project.root / "reports/report.html").read_bytes()
    break_train(project)
    project.edit(train__seed=7)
    done = project.run("dvc", "repro", check=False)
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "dvc checkout" in printed
    assert "git checkout -- reports" in printed
    assert not (project.root / "outputs/checkpoints").exists()

    project.run("git", "checkout", "--", "params.yaml", "stages", "dvc.lock", "reports")
    project.run("dvc", "checkout")
    assert project.tensors() == tensors
    assert (project.root / "reports/report.html").read_bytes() == page
    assert "up to date" in project.run("dvc", "status").stdout


def test_a_failed_first_run_leaves_nothing_for_git_to_add(fresh):
    """DVC rolls its own ignore lines back when a later stage fails (treeverse/dvc#11091)."""
    break_train(fresh)
    fresh.commit("break train")
    assert fresh.run("dvc", "repro", check=False).returncode != 0
    added = [line for line in fresh.run("git", "status", "--porcelain").stdout.splitlines() if "outputs" in line]
    assert added == []
