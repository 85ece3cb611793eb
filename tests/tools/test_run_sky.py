"""Machines that SkyPilot rents. A stand-in does what a cloud does; flags and task file are checked by the real sky."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from tools.run import sky
from tools.run.runners import SkyRunner, load_runner
from tools.run.sky import SkyMachine, machine
from tools.run.task import Task

SKY = """#!/bin/sh
# Stands in for SkyPilot 0.14.1 and a cloud: writes down how it was called; the file `up` is the machine.
echo "$*" >>"$CLOUD/calls"
case $1 in
launch) [ ! -e "$CLOUD/sold-out" ] || { echo "no resources" >&2; exit 1; }; touch "$CLOUD/up" ;;
status)
    echo "Refreshing the status of 1 cluster"  # it prints such lines before the JSON
    [ ! -e "$CLOUD/no-server" ] || { echo "Connection refused" >&2; exit 1; }
    [ -e "$CLOUD/up" ] && echo '[
  {"name": "sprite-lora", "status": "UP"}
]' || echo '[]' ;;
api) [ -e "$CLOUD/broken" ] || rm "$CLOUD/no-server" ;;
exec)  # the last word, in the machine's home, in the background
    for command; do :; done
    HOME=$CLOUD/home setsid -f sh -c "$command; touch $CLOUD/waited" >"$CLOUD/exec" 2>&1 </dev/null ;;
esac
"""

SSH = """#!/bin/sh
# Stands in for ssh and the machine's sshd: runs the command here, in another home.
[ -e "$CLOUD/up" ] || { echo "no route to host" >&2; exit 255; }
echo "$*" >>"$CLOUD/ssh-calls"
while [ "$1" = -o ]; do shift 2; done
shift
cd "$CLOUD/home" && HOME=$CLOUD/home exec setsid --wait sh -c 'echo $$ >>"$CLOUD/sessions"; eval "$1"' sh "$*"
"""


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """A folder that is the cloud, and a project in the current folder with the runner `cloud`."""
    folder, programs, project = tmp_path / "cloud", tmp_path / "programs", tmp_path / "project"
    for one in (folder / "home", programs, project / "profiles/sky", project / "inputs"):
        one.mkdir(parents=True)
    for name, script in (("sky", SKY), ("ssh", SSH)):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.chdir(project)
    monkeypatch.setenv("CLOUD", str(folder))
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Path("inputs/seed").write_text("7")
    shutil.copy(ROOT / "profiles/sky/task.yaml", "profiles/sky/task.yaml")
    runner = {"kind": "sky", "setup": "true", "idle_minutes": 20, "sync_seconds": 0.2}
    Path("runners.yaml").write_text(yaml.safe_dump({"cloud": runner}))
    return folder


def task(command):
    return Task("train", command, (Path("inputs"),), (Path("outputs/checkpoints"),), "0123456789abcdef")


def rented():
    one = machine("cloud", load_runner("cloud"))
    assert isinstance(one, SkyMachine)
    return one


def calls(cloud, word):
    return [line for line in (cloud / "calls").read_text().splitlines() if line.startswith(word)]


needs_rsync = pytest.mark.skipif(not shutil.which("rsync"), reason="not installed: rsync")


@needs_rsync
def test_machine_is_launched_with_its_end_and_the_stage_runs_there(cloud):
    made = "mkdir -p outputs/checkpoints; echo $(cat inputs/seed)1 > outputs/checkpoints/a; echo $HOME"
    assert rented().run(task(made)) == 0
    assert Path("outputs/checkpoints/a").read_text() == "71\n"
    (launch,) = calls(cloud, "launch")
    assert launch == (
        "launch --cluster sprite-lora --yes --detach-run --fast --idle-minutes-to-autostop 20 --down"
        " profiles/sky/task.yaml"
    )
    assert all("StrictHostKeyChecking=accept-new" in line for line in (cloud / "ssh-calls").read_text().splitlines())


@pytest.mark.slow
@needs_rsync
def test_a_job_of_skypilot_lasts_as_long_as_the_stage(cloud):
    """Without one, SkyPilot takes the machine for idle and ends it: it counts no ssh without a terminal."""
    lasts = (
        "for _ in $(seq 100); do [ -e $CLOUD/exec ] && break; sleep 0.1; done; sleep 2;"
        " [ -e $CLOUD/waited ] && exit 9; mkdir -p outputs/checkpoints"
    )
    assert rented().run(task(lasts)) == 0
    end = time.monotonic() + 20
    while not (cloud / "waited").exists():
        assert time.monotonic() < end, (cloud / "exec").read_text()
        time.sleep(0.1)
    assert not (cloud / "exec").read_text()
    assert "--detach-run --name sprite-lora-train" in calls(cloud, "exec")[0]


@pytest.mark.slow
@needs_rsync
def test_machine_that_has_ended_is_said_and_the_state_is_at_home(cloud):
    """Preempted, or ended for idleness: nobody waits for it, and the next run launches another one."""
    command = (
        "mkdir -p state/train/f outputs/checkpoints; echo half > state/train/f/resume.pt; sleep 3;"
        " rm $CLOUD/up; for one in $(cat $CLOUD/sessions); do kill -KILL -- -$one; done"
    )
    with pytest.raises(SpriteLoraError, match=r"cloud: the machine has ended \(sprite-lora\)"):
        rented().run(task(command))
    assert Path("state/train/f/resume.pt").read_text() == "half\n"
    shutil.rmtree(cloud / "home")
    (cloud / "home").mkdir()
    assert rented().run(task("cat state/train/f/resume.pt > seen; mkdir -p outputs/checkpoints")) == 0
    assert (cloud / "home/sprite-lora/seen").read_text() == "half\n"
    assert len(calls(cloud, "launch")) == 2


def test_host_key_is_forgotten_with_the_machine(cloud):
    """A new machine has another key; that of one which is up stays, and is checked."""
    key = Path("state/run/sprite-lora.known_hosts")
    for up, kept in ((True, True), (False, False)):
        key.parent.mkdir(parents=True, exist_ok=True)
        key.write_text("a key")
        (cloud / "up").touch() if up else (cloud / "up").unlink()
        rented().launch()
        assert key.exists() is kept


def test_launch_that_fails_is_said(cloud):
    (cloud / "sold-out").touch()
    with pytest.raises(SpriteLoraError, match="SkyPilot has not launched sprite-lora"):
        rented().launch()


def test_machine_whose_setup_fails_is_given_back(cloud):
    """SkyPilot would leave it running, without an end; one that was up before stays."""
    for up, downs in ((False, ["down --yes sprite-lora"]), (True, [])):
        (cloud / "sold-out").touch()
        (cloud / "calls").unlink(missing_ok=True)
        if up:
            (cloud / "up").touch()
        with pytest.raises(SpriteLoraError):
            rented().launch()
        assert calls(cloud, "down") == downs


def test_server_of_skypilot_that_does_not_run_is_started(cloud):
    """SkyPilot 0.14.1's own commands start it, and fail before it answers."""
    (cloud / "no-server").touch()
    assert not rented().is_up()
    (cloud / "no-server").touch()
    (cloud / "broken").touch()
    with pytest.raises(SpriteLoraError, match="cloud: sky status: Connection refused"):
        rented().is_up()


def test_machine_that_is_not_up_has_no_jobs_and_is_not_launched(cloud):
    assert rented().jobs() == []
    assert rented().stop() == "sprite-lora is not up"
    assert not calls(cloud, "launch")


def test_uvx_runs_skypilot_where_it_is_not_installed(cloud, monkeypatch):
    monkeypatch.setattr(sky.shutil, "which", lambda name: name if name == "uvx" else None)
    assert rented()._sky() == ("uvx", "--from", "skypilot[runpod]==0.14.1", "sky")


@pytest.mark.skipif(
    not shutil.which("sky"), reason="not installed: SkyPilot (uv tool install 'skypilot[runpod]==0.14.1')"
)
def test_real_skypilot_takes_flags_and_task_file(tmp_path):
    """Its own parser, in its own environment; no cloud and no key are needed."""
    program = Path(shutil.which("sky")).resolve()
    used = (
        "launch --cluster --yes --detach-run --fast --idle-minutes-to-autostop --down",
        "exec --detach-run --name", "status --refresh --output", "down --yes", "stop --yes", "api start",
    )  # fmt: skip
    for command, *flags in map(str.split, used):
        shown = subprocess.run([program, command, "--help"], capture_output=True, text=True, check=True).stdout
        assert not [flag for flag in flags if flag not in shown], command
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert SkyRunner(kind="sky").version in said
    python = program.read_text().splitlines()[0].removeprefix("#!")
    parse = "import sky, sys; task = sky.Task.from_yaml(sys.argv[1]); print(task.name, task.run, task.workdir)"
    done = subprocess.run(
        [python, "-c", parse, ROOT / "profiles/sky/task.yaml"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sprite-lora None None")
