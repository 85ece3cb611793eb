"""Tasks that take no time, on the machine that ssh reaches: whose results are taken, what is refused or tried again."""

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
import yaml

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.plain_text import plain_output
from tools.run import transfer
from tools.run.runners import load_runner
from tools.run.ssh import Machine, exit_code
from tools.run.task import Task
from tools.run.transfer import Transfer

pytestmark = pytest.mark.engines


class Small:
    """Tasks that take no time, on the machine `box`, in a folder here; `out` is what they write."""

    def __init__(self, near, folder):
        self.near, self.folder = near, folder
        self.out = Path("outputs/out")
        self.machine = Machine("box", load_runner("box"))

    def task(self, command, number=0):
        return Task("train", command, (), (self.out,), f"{number:016}")

    def run(self, command, number=0):
        return self.machine.run(self.task(command, number))


@pytest.fixture
def small(box, tmp_path, monkeypatch):
    folder = tmp_path / "small"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{box.client}:{os.environ['PATH']}")
    monkeypatch.setattr(transfer, "PATIENCE", (0, 0, 0))
    runner = {"kind": "ssh", "host": "box", "folder": f"small-{tmp_path.name}", "setup": "true"}
    (folder / "runners.yaml").write_text(yaml.safe_dump({"box": runner}))
    return Small(box, folder)


def test_each_run_takes_its_own_results(small):
    """What another job has overwritten there is not taken; what is at home is made anew."""
    ended = "mkdir -p outputs/out; echo x >> count; echo first > outputs/out/name"
    job = small.machine
    job._reach("prepare")
    with job._held("train-first"):
        pass
    job._start(small.task(ended), "train-first")
    assert small.run("mkdir -p outputs/out; echo second > outputs/out/name", 2) == 0
    assert job._reach("state", "train-first").strip() == "gone"
    assert Path("outputs/out/name").read_text() == "second\n"
    assert small.run(ended, 1) == 0
    assert small.run(ended, 1) == 0, "forced: it runs again"
    assert Path("outputs/out/name").read_text() == "first\n"
    counted = small.near.as_user(f"cat small-{small.folder.parent.name}/count").stdout
    assert counted == "x\nx\nx\n"


def test_sender_whose_connection_broke_unnoticed_gives_way(small):
    """To who sends for the same job, and to nobody else."""
    first, again, other = (Machine("box", load_runner("box")) for _ in range(3))
    first._reach("prepare")
    with first._held("train-a"):
        with (
            pytest.raises(SpriteLoraError, match="box is busy with another job: state/run/train-a"),
            other._held("train-b"),
        ):
            pass
        with again._held("train-a"):
            pass


def test_stage_that_is_told_to_end_is_waited_for(small):
    """Its exit code is not noted, nor the machine free, before it has saved what it has."""
    content = yaml.safe_load(Path("runners.yaml").read_text())
    content["box"]["max_hours"] = 2 / 3600
    Path("runners.yaml").write_text(yaml.safe_dump(content))
    small.machine = Machine("box", load_runner("box"))
    save = "signal.signal(15, lambda *_: (time.sleep(1), open('saved', 'w'), sys.exit(7)))"
    assert small.run(f'/usr/bin/python3 -c "import signal, sys, time; {save}; time.sleep(100)"') == 124
    assert (small.near.home / f"small-{small.folder.parent.name}/saved").exists()


def test_link_in_results_is_refused(small):
    with pytest.raises(SpriteLoraError, match="outputs/out there holds a link or a device; it is not taken"):
        small.run("mkdir -p outputs/out; ln -s /etc/passwd outputs/out/a")
    assert not list(small.out.iterdir())


def test_name_with_control_characters_is_refused(small):
    with pytest.raises(SpriteLoraError, match="outputs/out has a file with control characters in its name"):
        small.run("mkdir -p outputs/out; touch \"outputs/out/$(printf 'a\\033[31m')\"")


def test_files_that_were_not_asked_for_are_refused(small):
    """An rsync there that sends more than it is asked for."""
    home = small.near.home
    small.near.as_user("mkdir -p evil; echo stolen > evil/extra; cp .bashrc .bashrc.own")
    (home / "evil/rsync").write_text('#!/bin/sh\nexec /usr/bin/rsync "$@" $HOME/evil/extra\n')
    (home / "evil/rsync").chmod(0o755)
    (home / ".bashrc").write_text("export PATH=$HOME/evil:/usr/bin:/bin\n")
    try:
        small.near.as_user(f"mkdir -p small-{small.folder.parent.name}/outputs/out")
        failed = Transfer("box", load_runner("box")).fetch(small.task("true"))
    finally:
        small.near.as_user("mv .bashrc.own .bashrc")
    assert failed is not None
    assert "extra" in failed.stderr
    assert not list(small.folder.rglob("*extra*"))


def test_answer_that_is_no_state_is_an_error():
    with pytest.raises(SpriteLoraError, match="its answer is no state of a job: ended everything"):
        exit_code("box", "ended everything")


def test_long_line_and_escapes_are_no_harm(small, capsys):
    with plain_output():
        assert small.run("mkdir -p outputs/out; head -c 3000000 /dev/zero | tr '\\0' x; printf '\\033]0;t\\007'") == 0
    assert capsys.readouterr().out.count("x") >= 3_000_000
    ((_, state, last),) = small.machine.jobs()
    assert state == "taken 0"
    assert len(last) <= 200


def test_results_that_do_not_come_whole_are_an_error(small):
    """One of the outs is not there: nothing half is left to DVC."""
    with pytest.raises(SpriteLoraError, match=r"box \(box\): download: "):
        small.run("true")


def test_connection_cut_while_results_come_home(small):
    """It is tried again, and they come whole."""
    small.out.parent.mkdir()
    cut = []

    def cut_once():
        while not list(small.folder.glob("outputs/out/.big.*")):
            time.sleep(0.001)
        cut.append(subprocess.run(["pkill", "-KILL", "-u", small.near.user, "sshd"]).returncode)

    thread = threading.Thread(target=cut_once)
    thread.start()
    assert small.run("mkdir -p outputs/out; head -c 150000000 /dev/zero > outputs/out/big") == 0
    thread.join(10)
    assert cut == [0]
    assert [path.name for path in small.out.iterdir()] == ["big"]
    assert (small.out / "big").stat().st_size == 150_000_000


def test_disk_full_here(small):
    """The results stay there; with room again they come, and nothing runs twice."""
    small.out.parent.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small.out.parent], check=True)
    command = "echo x >> count; mkdir -p outputs/out; head -c 3000000 /dev/urandom > outputs/out/big"
    try:
        with pytest.raises(SpriteLoraError, match=r"download: .*No space left on device") as caught:
            small.run(command)
        assert "free space here and run again" in str(caught.value)
        assert not list(small.out.glob("*"))
    finally:
        subprocess.run(["umount", "-l", small.out.parent], check=True)
    assert small.run(command) == 0
    assert (small.out / "big").stat().st_size == 3_000_000
    assert small.near.as_user(f"cat small-{small.folder.parent.name}/count").stdout == "x\n"


def test_unreachable_machine_is_an_error_at_once(small):
    Path("runners.yaml").write_text(yaml.safe_dump({"box": {"kind": "ssh", "host": "nowhere.invalid"}}))
    machine = Machine("box", load_runner("box"))
    for ask in (machine.jobs, machine.stop, lambda: machine.run(small.task("true"))):
        with pytest.raises(SpriteLoraError, match=r"nowhere\.invalid"):
            ask()
