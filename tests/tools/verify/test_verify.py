"""Damage that DVC calls `up to date`: found by its bytes, and brought back by the very commands that are printed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sprite_lora.core.errors import SpriteLoraError
from tools.verify.command import command

PIPELINE = """\
stages:
  make:
    cmd: mkdir -p out && echo one > out/a.txt && echo two > 'out/b c.txt' && echo four > out/d.txt
    outs: [out]
  join:
    cmd: cat out/a.txt out/d.txt > joined.txt && echo 1 > report.json
    deps: [out]
    outs:
      - joined.txt
      - report.json:
          cache: false
  log:
    cmd: mkdir -p log && echo 1 > log/loss && echo 2 > log/rate
    outs:
      - log:
          cache: false
"""


def run(line):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(line, shell=True, env=environment, capture_output=True, text=True)  # noqa: S602  as typed


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project of DVC after `dvc repro`, committed."""
    root = tmp_path_factory.mktemp("project")
    (root / "dvc.yaml").write_text(PIPELINE)
    commit = "git -c user.name=t -c user.email=t@example.invalid commit -qm x"
    done = run(f"cd {root} && git init -q && dvc init -q && dvc repro -q && git add -A && {commit}")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """A copy to damage; it is the current folder."""
    shutil.copytree(finished, tmp_path / "p", symlinks=True)
    monkeypatch.chdir(tmp_path / "p")
    assert run("dvc status -q").returncode == 0


def verify():
    done = CliRunner().invoke(command, catch_exceptions=False)
    return done.exit_code, done.output


def copy_of(name):
    """The cache's copy of a file or a folder's list."""
    wanted = {path: path.read_bytes() for path in Path(".dvc/cache").rglob("*") if path.is_file()}
    if Path(name).is_dir():
        return next(path for path in wanted if path.name.endswith(".dir"))
    return next(path for path, content in wanted.items() if content == Path(name).read_bytes())


def flip(path):
    """One bit, with date, size and mode as before."""
    path = Path(path)
    state, content = path.stat(), bytearray(path.read_bytes())
    content[1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(state.st_mode)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def swap(one, other):
    Path(one).rename("x")
    Path(other).rename(one)
    Path("x").rename(other)


def flip_both(name):
    flip(copy_of(name))
    flip(name)


def flip_list_and_file():
    flip(copy_of("out"))
    flip("out/a.txt")


def here_and_there():
    """In a folder one file whose copy is right, one that is nowhere; and what a later stage made of it."""
    flip("out/a.txt")
    flip_both("out/b c.txt")
    flip_both("joined.txt")


def stray():
    path = Path(".dvc/cache/files/md5/00/11111111111111111111111111111111"[:-2])
    path.parent.mkdir()
    path.write_text("of an older run")


CASES = {
    "a file": (lambda: flip("out/b c.txt"), "out/b c.txt of make is damaged\n"),
    "a file gone": (lambda: Path("joined.txt").unlink(), "joined.txt of join is gone\n"),
    "swapped": (lambda: swap("out/a.txt", "out/d.txt"), "out/d.txt of make is damaged\n"),
    "a folder gone": (lambda: shutil.rmtree("out"), "out/a.txt of make is gone\n"),
    "a copy": (lambda: flip(copy_of("out/d.txt")), "the copy of out/d.txt in the cache, is damaged\n"),
    "a copy gone": (lambda: copy_of("joined.txt").unlink(), "the copy of joined.txt in the cache, is gone\n"),
    "both": (lambda: flip_both("out/a.txt"), "out/a.txt of make is damaged, and its copy in the cache is damaged\n"),
    "a list": (lambda: flip(copy_of("out")), "the list of out in the cache, is damaged or gone\n"),
    "a list gone": (lambda: copy_of("out").unlink(), "the list of out in the cache, is damaged or gone\n"),
    "list and file": (flip_list_and_file, "out of make is damaged or gone, and its list in the cache"),
    "here and there": (here_and_there, "joined.txt of join is damaged, and its copy in the cache is damaged\n"),
    "in Git": (lambda: flip("report.json"), "report.json of join is damaged\n"),
    "a folder in Git": (lambda: flip("log/rate"), "log of log: a file in it is damaged or gone\n"),
    "an older run's": (stray, "in the cache for an older run, is damaged\n"),
}
EACH_RUN = ("a file", "a copy", "in Git")
"""Cases of every test run, all at once; DVC takes seconds a command."""


def all_at_once():
    for case in EACH_RUN:
        CASES[case][0]()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        pytest.param(all_at_once, [CASES[case][1] for case in EACH_RUN], id="several"),
        *(pytest.param(CASES[case][0], [CASES[case][1]], id=case, marks=pytest.mark.slow) for case in CASES),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_is_damaged_is_named_and_the_commands_bring_it_back(harm, words):
    before = {path: path.read_bytes() for path in Path().glob("*/*") if path.parts[0] in ("out", "log")}
    harm()
    code, said = verify()
    assert code == 1
    assert all(one in said for one in words)
    for line in said.partition("to get it back")[2].splitlines()[1:]:
        assert run(line).returncode == 0, line
    code, said = verify()
    assert code == 0, said
    assert "are as dvc.lock says" in said
    assert {path: path.read_bytes() for path in before} == before
    assert "up to date" in run("dvc status").stdout


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_dvc_itself_does_not_see_it():
    """Why there is this tool. Where this fails, DVC has learnt it."""
    flip("out/a.txt")
    assert "up to date" in run("dvc repro").stdout
    assert verify()[0] == 1


@pytest.mark.parametrize("content", [b"", b"stages: [", b"\xff", b"stages: {make: {outs: [{path: out}]}}", b"[]", b"5"])
def test_a_damaged_dvc_lock_is_said(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(PIPELINE)
    Path("dvc.lock").write_bytes(content)
    with pytest.raises(SpriteLoraError, match=r"dvc\.lock") as caught:
        command.callback()
    assert "git checkout -- dvc.lock" in caught.value.hint


def test_where_there_is_no_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpriteLoraError, match=r"dvc\.yaml does not exist"):
        command.callback()
