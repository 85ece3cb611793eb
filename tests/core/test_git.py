"""What Git holds."""

from pathlib import Path

import pytest
from traps import commands

from sprite_lora.core import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits over work/captions/a.txt, b.txt and work/top.bin."""
    work = tmp_path / "work"
    (work / "captions").mkdir(parents=True)
    commands(work, ["init", "-q"])
    for number, text in enumerate(("one", "two")):
        (work / "captions" / "a.txt").write_text(text)
        (work / "captions" / "b \n.txt").write_text("same")
        (work / "top.bin").write_bytes(b"\0\n\xff")
        commands(work, ["add", "-A"], ["commit", "-qm", text], at=f"2025-01-0{number + 1}T12:00:00+01:00")
    return work


def test_files_at_a_revision(repository: Path) -> None:
    captions = repository / "captions"
    assert git.root(captions) == repository.resolve()
    assert git.read(captions, "HEAD~1", "a.txt") == b"one"
    assert git.read(repository, "HEAD", "top.bin") == b"\0\n\xff"
    assert git.read(repository, "HEAD", "captions") is None
    assert git.read_folder(repository, "HEAD~1", "captions", ".txt") == {"a.txt": b"one", "b \n.txt": b"same"}
    assert git.read_folder(captions, "HEAD", ".", ".txt") == {"a.txt": b"two", "b \n.txt": b"same"}
    assert git.read_folder(repository, "HEAD", ".", ".txt") == {}
    assert sorted(git.names(repository, "HEAD", ".")) == ["captions/a.txt", "captions/b \n.txt", "top.bin"]


def test_history_is_newest_first_in_utc(repository: Path) -> None:
    found = git.history(repository / "captions")
    assert [f"{commit.date}" for commit in found["captions/a.txt"]] == ["2025-01-02 11:00:00", "2025-01-01 11:00:00"]
    assert found["captions/a.txt"][0].commit == git.resolve(repository, "HEAD")
    assert "top.bin" not in found


def test_what_is_committed_as_it_is(repository: Path) -> None:
    assert git.is_clean(repository)
    assert git.held(repository / "captions") == {"a.txt", "b \n.txt"}
    (repository / "captions" / "a.txt").write_text("three")
    (repository / "captions" / "new.txt").touch()
    assert git.held(repository / "captions") == {"b \n.txt"}
    assert not git.is_clean(repository)
    assert git.is_clean(repository, but=["captions"])


def test_what_differs_and_what_is_unknown(repository: Path) -> None:
    assert (git.difference(repository), git.unknown(repository)) == (b"", [])
    (repository / "captions" / "a.txt").write_text("three")
    (repository / "new \n.txt").write_text("")
    assert b"+three" in git.difference(repository)
    assert git.unknown(repository) == ["new \n.txt"]


def test_a_clone_of_one_tag(repository: Path, tmp_path: Path) -> None:
    commands(repository, ["tag", "old", "HEAD~1"])
    assert git.clone(str(repository), "old", tmp_path / "copy") == ""
    assert git.resolve(tmp_path / "copy", "HEAD") == git.resolve(repository, "HEAD~1")
    assert "nothing" in git.clone(str(repository), "nothing", tmp_path / "other")
    assert git.clone("--upload-pack=touch x", "old", tmp_path / "third")
    assert not (Path.cwd() / "x").exists()


def test_an_experiment_of_dvc_by_its_name(repository: Path) -> None:
    commands(repository, ["update-ref", "refs/exps/ab/cd/moody-yeti", "HEAD~1"])
    assert git.experiment(repository, "moody-yeti") == git.resolve(repository, "HEAD~1")
    assert git.experiment(repository, "yeti") is None


@pytest.mark.parametrize("revision", ["nowhere", "--all", "HEAD:top.bin", ""])
def test_no_such_revision(repository: Path, revision: str) -> None:
    assert git.resolve(repository, revision) is None
    assert git.read(repository, revision, "captions") is None
    assert git.names(repository, revision, ".") == []


def test_outside_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        assert git.root(tmp_path) is git.resolve(tmp_path, "HEAD") is git.is_clean(tmp_path) is None
        assert git.history(tmp_path) == git.read_folder(tmp_path, "HEAD", ".", ".txt") == {}
        assert git.held(tmp_path) == set()

    nothing()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not git.installed()
    nothing()
