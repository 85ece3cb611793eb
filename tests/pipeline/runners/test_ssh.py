"""`sprite-lora run` on a machine that a real sshd serves to another user: results and dvc.lock as of a local run."""

import os
import pty
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from runner_cases import USER, Near, comes_back

pytestmark = pytest.mark.engines

TRAIN = ("--force", "--single-item", "train")


def test_results_and_lock_equal_a_local_run(near, short_run):
    done = near.run()
    assert "train runs on box" in done.stdout
    assert "sample runs on box" in done.stdout
    assert (near.project.root / "dvc.lock").read_bytes() == (short_run.root / "dvc.lock").read_bytes()
    assert near.project.tensors() == short_run.tensors()
    assert near.project.pictures() == short_run.pictures()
    assert "up to date" in near.project.run("dvc", "status").stdout


def test_connection_cut_in_training(near_training, short_run):
    """The processes of sshd that serve this user are killed; the job runs on, and is followed again to its end."""
    run = near_training.start(*TRAIN)
    near_training.wait_for_epoch()
    subprocess.run(["pkill", "-KILL", "-u", near_training.box.user, "sshd"], check=True)
    assert run.wait(240) == 0, near_training.said
    assert "the connection broke" in near_training.said
    assert near_training.project.tensors() == short_run.tensors()


def test_killed_here_and_started_again(near_training, short_run):
    """And the pictures that the trainer draws meanwhile come home while it runs."""
    near_training.describe(sync_seconds=0.3)
    near_training.project.edit(logs__sample_every_n_epochs=1)
    run = near_training.start(*TRAIN)
    near_training.wait_for(lambda: "step 4/6" in near_training.said, "the first step after the pictures")
    near_training.signal_trainer("STOP")
    logs = near_training.project.root / "logs/train"
    near_training.wait_for(lambda: len(list(logs.glob("*/epoch-000001/*.png"))) == 2, "pictures at home")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    near_training.follows_what_stands_still()
    assert near_training.project.tensors() == short_run.tensors()


def test_machine_wiped_in_training(near_training, short_run):
    """What had come home goes there again: the training goes on after the first epoch."""
    user = near_training.box.user
    near_training.describe(sync_seconds=0.5)
    run = near_training.start(*TRAIN)
    near_training.wait_for(lambda: "step 4/6" in near_training.said, "the first step after the epoch's state")
    near_training.signal_trainer("STOP")
    home = near_training.project.root / "state/train"
    for name in ("resume.pt", "SHA256SUMS", "epochs/*-000001.safetensors"):
        near_training.wait_for(lambda name=name: list(home.glob(f"*/{name}")), f"{name} at home")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    subprocess.run(["pkill", "-KILL", "-u", user], check=True)
    shutil.rmtree(near_training.there)
    again = near_training.run(*TRAIN)
    assert "resuming after step 3 of 6" in again.stdout, again.stdout
    assert near_training.project.tensors() == short_run.tensors()


def test_other_work_at_the_same_time_is_refused(near_training, tmp_path):
    run = near_training.start(*TRAIN)
    near_training.wait_for_epoch()
    near_training.signal_trainer("STOP")
    other = Near(near_training.project.copy(tmp_path / "second"), near_training.box)
    other.project.edit(train__seed=7)
    (other.project.root / ".dvc/tmp/rwlock").unlink()
    done = other.run(*TRAIN, check=False)
    assert done.returncode != 0
    assert "box is busy with another job: state/run/train-" in done.stderr
    there = yaml.safe_load((near_training.there / "params.yaml").read_text())
    assert there["train"]["seed"] != 7, "it has overwritten what the job there reads"
    again = near_training.run(*TRAIN, check=False)
    assert "is busy, it is being" in again.stderr, "a second run in the same folder"
    near_training.signal_trainer("CONT")
    assert run.wait(240) == 0


@pytest.mark.parametrize("answer", ["s", ""], ids=["stop", "leave"])
def test_ctrl_c_asks(near_training, answer):
    """In a real terminal: s ends the stage there with its state saved, Enter leaves it running."""
    terminal, ours = pty.openpty()
    command = ["setsid", "--ctty", "env", "--default-signal=INT", "sprite-lora", "run", "--on", "box", *TRAIN]
    run = subprocess.Popen(
        command, cwd=near_training.project.root, env=near_training.environment(),
        stdin=ours, stdout=ours, stderr=ours,
    )  # fmt: skip
    os.close(ours)
    said = read_until(terminal, "step 4/6")
    if not answer:
        near_training.signal_trainer("STOP")
    os.write(terminal, b"\x03")
    said += read_until(terminal, "leave it running (Enter)?")
    os.write(terminal, f"{answer}\n".encode())
    said += read_until(terminal, "failed to reproduce 'train'")
    assert run.wait(60) != 0
    if answer:
        assert "stopped after step" in said
    else:
        assert "train goes on at box" in said
        near_training.follows_what_stands_still()


def read_until(terminal, text):
    """What a terminal shows until a text comes."""
    said = ""
    while text not in said:
        ready, _, _ = select.select([terminal], [], [], 120)
        assert ready, said
        said += os.read(terminal, 4096).decode(errors="replace")
    return said


def test_change_here_while_it_runs_there_is_noticed(near_training):
    run = near_training.start(*TRAIN)
    near_training.wait_for_epoch()
    near_training.project.edit(train__seed=7)
    assert run.wait(240) != 0
    assert "params, code or inputs of train changed here while it ran on the other machine" in near_training.said


def test_limit_is_kept_there(near_training):
    """The machine itself ends the stage, with nobody connected, and is stopped when it has been idle."""
    stopped = near_training.there / "stopped"
    near_training.project.edit(train__max_train_epochs=40)
    near_training.describe(max_hours=8 / 3600, idle_minutes=1 / 60, at_idle="touch stopped")
    run = near_training.start(*TRAIN)
    near_training.wait_for(lambda: list(near_training.there.glob("state/run/train-*/pid")), "the job")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    near_training.wait_for(stopped.exists, "at_idle")
    (code,) = near_training.there.glob("state/run/train-*/rc")
    assert code.read_text().strip() == "124"
    assert "stopped: it ran for 8 seconds, the limit" in (code.parent / "log").read_text()


def test_experiment_in_a_folder_of_its_own(project, box):
    """`dvc exp run --temp`, as the workers of `dvc queue` run it, with the runner as its shell."""
    near = Near(project, box)
    project.commit("a runner")
    programs = Path(sys.executable).parent
    runner = {"SHELL": str(programs / "sprite-lora-shell"), "SPRITE_LORA_RUNNER": "box"}
    who = {f"GIT_{role}_{what}": "t" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = project.run(
        "dvc", "exp", "run", "--temp", "-n", "seven", "-S", "sample.seed=7", PATH=near.environment()["PATH"],
        **runner, **who,
    )  # fmt: skip
    assert "sample runs on box" in done.stdout + done.stderr
    before = project.pictures()
    project.run("dvc", "exp", "apply", "seven", **who)
    assert project.pictures().keys() == before.keys()
    assert all(project.pictures()[name] != before[name] for name in before)


def test_dvc_remote(project, box, tmp_path):
    project.run("dvc", "remote", "add", "-d", "store", f"ssh://{USER}@127.0.0.1:{box.port}{box.home}/store")
    project.run("dvc", "remote", "modify", "--local", "store", "keyfile", str(box.client / "client"))
    comes_back(project, tmp_path)


def test_doctor_looks_at_the_machine(near_training):
    near_training.describe(env={"HF_HOME": "/var/tmp/its own"})
    done = near_training.project.run("sprite-lora", "doctor", "--on", "box", PATH=near_training.environment()["PATH"])
    assert "the link to it: " in done.stdout
    assert "none: train and sample run on the CPU" in done.stdout
    assert str(near_training.there) in done.stdout, "the disk there, not the one here"
    assert "/var/tmp/its own" in done.stdout


def test_stopped_in_setup(near_training):
    """What setup prints is seen at once; --status and --stop know the job."""
    near_training.describe(setup="echo 100 packages; sleep 600")
    run = near_training.start(*TRAIN)
    near_training.wait_for(lambda: "100 packages" in near_training.said, "setup's line")
    status = near_training.run("--status").stdout
    assert re.search(r"train-[0-9a-f]{16} +running +100 packages", status)
    assert near_training.run("--stop").stdout.startswith("train-")
    assert run.wait(60) != 0
    assert "exited with 143" in near_training.said
    assert near_training.run("--stop").stdout == "nothing runs\n"


def test_setup_that_fails_is_seen(near_training):
    near_training.describe(setup="echo no such package; exit 3")
    done = near_training.run(*TRAIN, check=False)
    assert done.returncode != 0
    assert "no such package\nsetup failed with exit code 3\n" in done.stdout


def test_disk_full_there(near_training, short_run):
    """A small disk there fills up in training: the error names it, and with room again the training goes on."""
    near_training.box.as_user(f"mkdir {near_training.folder}")
    owner = f"uid={pwd.getpwnam(near_training.box.user).pw_uid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=300m,{owner}", "none", near_training.there], check=True)
    try:
        run = near_training.start(*TRAIN)
        near_training.wait_for_epoch()
        near_training.box.as_user(f"cat /dev/zero > {near_training.folder}/filler", check=False)
        assert run.wait(240) != 0
        full = rf"box: train failed there, and the disk of {near_training.folder} is full: 0 MB are free on "
        assert re.search(full + re.escape(str(near_training.there)), near_training.said), near_training.said
        assert not (near_training.project.root / "outputs/checkpoints").exists()
        done = near_training.run(*TRAIN, check=False)
        assert "No space left on device" in done.stderr, "files do not even come there"
        assert "free space on box and run again" in done.stderr
        (near_training.there / "filler").unlink()
        assert "resuming after step 3 of 6" in near_training.run(*TRAIN).stdout
        assert near_training.project.tensors() == short_run.tensors()
    finally:
        subprocess.run(["umount", "-l", near_training.there], check=True)
