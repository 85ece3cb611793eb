"""Repairs on request: nothing is written that Git could not bring back."""

import subprocess

import pytest
from places import SHARED


def git(project, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=project.root, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def spoilt(project):
    """Two captions with safe repairs to make."""
    project.write("lad_001", "\ufeff" + project.text("lad_001"))
    project.write("lad_002", project.text("lad_002").replace("light skin", "light skin, #123456"))
    return project


def captions(project):
    return {path.name: path.read_bytes() for path in (project.root / "captions").iterdir()}


def test_suggest_prints_a_patch_and_writes_nothing(spoilt, tmp_path):
    before = captions(spoilt)
    done = spoilt.validate("--suggest")
    assert done.returncode == 0
    assert captions(spoilt) == before
    assert not (spoilt.root / "reports").exists()
    assert "2 of 8 captions" in done.stderr
    (tmp_path / "repairs.diff").write_text(done.stdout)
    git(spoilt, "init", "-q")
    git(spoilt, "apply", "repairs.diff")
    assert spoilt.validate().stdout.startswith("8 pairs, no errors, 0 warnings\n")


def test_write_needs_git_to_hold_the_originals(spoilt):
    before = captions(spoilt)
    for step in ((), ("init", "-q"), ("add", "-A")):
        if step:
            git(spoilt, *step)
        done = spoilt.validate("--suggest", "--write")
        assert done.returncode == 1
        assert "captions/lad_001.txt and 1 more are not committed" in done.stderr
        assert captions(spoilt) == before
    git(spoilt, "commit", "-qm", "captions")
    spoilt.write("lad_002", spoilt.text("lad_002") + " ")
    assert spoilt.validate("--suggest", "--write").returncode == 1, "one of them was changed since"
    git(spoilt, "commit", "-qam", "again")
    done = spoilt.validate("--suggest", "--write")
    assert done.returncode == 0
    assert git(spoilt, "diff", "--name-only").split() == ["captions/lad_001.txt", "captions/lad_002.txt"]
    assert spoilt.validate().stdout.startswith("8 pairs, no errors, 0 warnings\n")
    git(spoilt, "checkout", "--", "captions")
    assert captions(spoilt)["lad_001.txt"] == before["lad_001.txt"]


def test_write_alone_says_what_it_goes_with(project):
    done = project.validate("--write")
    assert done.returncode == 2
    assert "--suggest" in done.stderr


def test_from_red_to_green_by_following_it(tmp_path, project):
    """The reference case: the captions of the failed runs, the repairs that it suggests, nothing by hand."""
    shared = SHARED / "real"
    if not shared.is_dir():
        pytest.skip("../shared/real does not exist")
    for path in [*(project.root / "captions").iterdir(), *(project.root / "data").iterdir()]:
        path.unlink()
    for path in sorted((shared / "captions/2025-11-10T0055").glob("lad_0[0-3]*.txt")):
        project.write(path.stem, path.read_bytes(), (shared / f"images/{path.stem}.png").read_bytes())
    first = project.text("lad_001_carbon").split(", #")[0]
    project.edit(train__max_token_length=225, sample__prompts={"one": first})
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "captions")
    assert project.validate().returncode == 1
    assert {"truncated", "hex-shared"} <= project.report()["counts"].keys()
    assert project.validate("--suggest", "--write").returncode == 0
    done = project.validate()
    assert done.returncode == 0, done.stdout
    assert not {"hex-name", "hex-unexplained", "truncated", "spelling"} & project.report()["counts"].keys()
