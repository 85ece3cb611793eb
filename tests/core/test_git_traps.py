"""Git repositories of strangers: no program of theirs runs, nothing waits, nothing grows."""

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from traps import ATTRIBUTES, commands, trap

from sprite_lora.core import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A commit of captions/a.txt, and a submodule `inner`."""
    work = tmp_path / "work"
    (work / "captions").mkdir(parents=True)
    (work / "captions" / "a.txt").write_text("one")
    inner = work / "inner"
    inner.mkdir()
    (inner / "b.txt").write_text("b")
    commands(inner, ["init", "-q"], ["add", "-A"], ["commit", "-qm", "inner"])
    commands(work, ["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"])
    return work


def everything(folder: Path) -> list[object]:
    """What each function says."""
    return [
        git.root(folder), git.resolve(folder, "HEAD"), git.experiment(folder, "x"), git.history(folder),
        git.read(folder, "HEAD", "captions/a.txt"), git.names(folder, "HEAD", "."),
        git.read_folder(folder, "HEAD", "captions", ".txt"), git.is_clean(folder), git.difference(folder),
        git.unknown(folder), git.held(folder),
    ]  # fmt: skip


def test_no_program_runs_that_a_repository_names(repository: Path, tmp_path: Path) -> None:
    trap(repository / "inner", tmp_path)
    sprung = trap(repository, tmp_path)
    (repository / ".gitattributes").write_text(ATTRIBUTES)
    (repository / "captions" / "a.txt").write_text("two")  # a filter would have to say whether it differs
    (repository / "inner" / "b.txt").write_text("two")
    for command in (["status"], ["diff", "HEAD"], ["log", "-p"], ["cat-file", "-e", "1" * 40]):
        sprung.unlink(missing_ok=True)
        subprocess.run(["git", "-C", str(repository), *command], capture_output=True, timeout=30)
        assert sprung.exists(), f"git {command[0]} itself springs no trap"
    sprung.unlink()
    said = everything(repository)
    assert not sprung.exists(), sprung.read_text()
    assert said[0] == repository.resolve()
    assert said[4] == b"one"
    assert said[7:] == [False, said[8], [".gitattributes"], set()]
    assert b"+two" in git.difference(repository)


def test_configuration_is_not_read(repository: Path) -> None:
    """Neither the repository's, with every key that git has, nor the user's, nor what the environment adds."""
    before = everything(repository)
    keys = subprocess.run(["git", "help", "--config"], capture_output=True, text=True, check=True).stdout.split()
    assert len(keys) > 500
    lines = ["[core]\n\tbare = no bool\n"]
    for key in keys:
        section, _, rest = key.partition(".")
        middle, _, name = rest.rpartition(".")
        lines.append(f'[{section} "{middle}"]\n\t{name} = /nowhere\n' if middle else f"[{section}]\n\t{name} = x\n")
    (repository / ".git" / "config").write_text("".join(lines) + "no configuration at all [[[\n")
    assert everything(repository) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "/nowhere"), ("GIT_WORK_TREE", "/"), ("GIT_INDEX_FILE", "/nowhere"), ("GIT_COMMON_DIR", "/nowhere"),
        ("GIT_OBJECT_DIRECTORY", "/nowhere"), ("GIT_NAMESPACE", "x"), ("GIT_EXTERNAL_DIFF", "touch sprung"),
        ("GIT_CONFIG_PARAMETERS", "'core.fsmonitor=touch sprung'"), ("GIT_PAGER", "touch sprung"),
        ("GIT_CONFIG_COUNT", "9"), ("GIT_GLOB_PATHSPECS", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/zero"), ("GIT_TRACE", "/dev/full"),
    ],
)  # fmt: skip
def test_the_environment_says_nothing_to_git(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    before = everything(repository)
    monkeypatch.setenv(name, value)
    assert everything(repository) == before
    assert not (repository / "sprung").exists()


def pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def zero(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    (path.parent / path.name).symlink_to(path)


@pytest.mark.parametrize("make", [pipe, zero, circle])
@pytest.mark.parametrize(
    "name",
    [
        "HEAD", "config", "packed-refs", "refs/heads/x/y", "objects/info/alternates", "objects/pack/pack-1.idx",
        "objects/ab/cdef", "index", "commondir", "shallow", "logs/HEAD", "info/exclude", "info/attributes",
        "info/grafts", "hooks/post-index-change",
    ],
)  # fmt: skip
def test_what_is_no_file_is_not_waited_for(repository: Path, make: Callable[[Path], None], name: str) -> None:
    make(repository / ".git" / name)
    begin = time.monotonic()
    git.history(repository)
    git.read_folder(repository, "HEAD", "captions", ".txt")
    git.is_clean(repository)
    assert time.monotonic() - begin < 10


def test_a_repository_that_is_a_pipe_or_holds_a_socket(repository: Path) -> None:
    commands(repository, ["worktree", "add", "-q", "../other"])
    other = repository.parent / "other"
    assert git.read(other, "HEAD", "captions/a.txt") == b"one"
    (other / ".git").write_text("gitdir: ../nowhere\n")
    assert git.root(other) is None
    pipe(other / ".git")
    assert git.root(other) is None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(repository / ".git" / "fsmonitor--daemon.ipc"))  # as git's own file monitor leaves one
        assert git.read(repository, "HEAD", "captions/a.txt") == b"one"


def test_crafted_trees_end(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve folders that each hold the next one ten times name 10^12 files."""
    monkeypatch.setattr(git, "SECONDS", 20)
    monkeypatch.setattr(git, "MEMORY", 2**28)
    monkeypatch.setattr(git, "OUTPUT", 2**20)
    blob = made(repository, ["hash-object", "-w", "--stdin"], "x")
    entry = "".join(f"100644 blob {blob}\tf{number}\n" for number in range(10))
    for _ in range(11):
        tree = made(repository, ["mktree"], entry)
        entry = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
    commit = made(repository, ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit-tree", tree, "-m", "x"], "")
    commands(repository, ["update-ref", "HEAD", commit])
    assert git.history(repository) == {}
    assert git.names(repository, "HEAD", ".") == []


def made(folder: Path, arguments: list[str], given: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, input=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_large_blob_is_not_read(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "OUTPUT", 2**20)
    (repository / "captions" / "a.txt").write_bytes(bytes(2**21))
    commands(repository, ["commit", "-qam", "large"])
    assert git.read(repository, "HEAD", "captions/a.txt") is None
    assert git.read_folder(repository, "HEAD", "captions", ".txt") is None


def test_dates_that_python_does_not_have(repository: Path) -> None:
    tree = made(repository, ["write-tree"], "")
    for seconds in ("0 +0000", f"{2**62} +0000", "1 -9999", "99999999999 +0000"):
        text = f"tree {tree}\nauthor a <a> {seconds}\ncommitter a <a> {seconds}\n\nx\n"
        commit = made(repository, ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], text)
        commands(repository, ["update-ref", "HEAD", commit])
        git.history(repository)


def test_a_folder_of_another_user_is_read(repository: Path) -> None:
    """Nothing of it is run, so git's `safe.directory` has nothing to guard."""
    if os.geteuid() != 0:
        pytest.skip("only root gives folders away")
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    assert git.read(repository, "HEAD", "captions/a.txt") == b"one"


def test_a_clone_reads_no_configuration_of_the_folder_it_is_asked_in(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sprung = trap(repository, tmp_path)
    monkeypatch.chdir(repository)
    assert git.clone("ssh://localhost:1/x", "main", tmp_path / "one")
    assert git.clone("origin", "main", tmp_path / "two")
    assert git.clone("ext::touch sprung", "main", tmp_path / "three")
    assert not sprung.exists()
    assert not (repository / "sprung").exists()
