"""`sprite-lora run` on a machine that a real sshd serves to another user: results and dvc.lock as of a local run."""

import os
import pty
import select
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from runner_cases import Near

from sprite_lora.core.errors import SpriteLoraError
from tools.run import ssh
from tools.run.runners import load_runner
from tools.run.ssh import Machine
from tools.run.task import Task

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
    run = near_training.start(*TRAIN)
    near_training.wait_for_epoch()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    again = near_training.run(*TRAIN)
    assert "train runs on box already; following it" in again.stdout
    assert near_training.project.tensors() == short_run.tensors()


def test_machine_wiped_in_training(near_training, short_run):
    """What had come home goes there again: the training goes on after the first epoch."""
    user = near_training.box.user
    near_training.describe(sync_seconds=0.5)
    run = near_training.start(*TRAIN)
    near_training.wait_for(lambda: "step 4/6" in near_training.said, "the first step after the epoch's state")
    subprocess.run(["pkill", "-STOP", "-u", user, "-f", "stages.train"], check=True)
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
    other = Near(near_training.project.copy(tmp_path / "second"), near_training.box)
    other.project.edit(train__seed=7)
    (other.project.root / ".dvc/tmp/rwlock").unlink()
    done = other.run(*TRAIN, check=False)
    assert done.returncode != 0
    assert "box is busy with another job: state/run/train-" in done.stderr
    assert run.wait(240) == 0


@pytest.mark.parametrize("answer", ["s", ""], ids=["stop", "leave"])
def test_ctrl_c_asks(near_training, answer):
    """In a real terminal: s ends the stage there with its state saved, Enter leaves it running."""
    terminal, ours = pty.openpty()
    command = ["sprite-lora", "run", "--on", "box", *TRAIN]
    run = subprocess.Popen(
        ["setsid", "--ctty", *command], cwd=near_training.project.root, env=near_training.environment(),
        stdin=ours, stdout=ours, stderr=ours,
    )  # fmt: skip
    os.close(ours)
    said = read_until(terminal, "step 4/6")
    os.write(terminal, b"\x03")
    said += read_until(terminal, "leave it running (Enter)?")
    os.write(terminal, f"{answer}\n".encode())
    said += read_until(terminal, "failed to reproduce 'train'")
    assert run.wait(60) != 0
    if answer:
        assert "stopped after step" in said
    else:
        assert "train goes on at box" in said
        assert "train runs on box already" in near_training.run(*TRAIN).stdout


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
    near_training.describe(max_hours=8 / 3600, idle_minutes=1 / 60, at_idle="touch stopped")
    run = near_training.start(*TRAIN)
    near_training.wait_for(lambda: list(near_training.there.glob("state/run/train-*/pid")), "the job")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    near_training.wait_for(stopped.exists, "at_idle")
    (code,) = near_training.there.glob("state/run/train-*/rc")
    assert code.read_text().strip() == "124"
    assert "stopped: it ran for 8 seconds, the limit" in (code.parent / "log").read_text()


def test_doctor_looks_at_the_machine(near_training):
    near_training.describe(env={"HF_HOME": "/var/tmp/its own"})
    done = near_training.project.run("sprite-lora", "doctor", "--on", "box", PATH=near_training.environment()["PATH"])
    assert "the link to it: " in done.stdout
    assert "none: train and sample run on the CPU" in done.stdout
    assert str(near_training.there) in done.stdout, "the disk there, not the one here"
    assert "/var/tmp/its own" in done.stdout


def test_link_in_results_is_refused(near_training, monkeypatch):
    monkeypatch.chdir(near_training.project.root)
    monkeypatch.setenv("PATH", near_training.environment()["PATH"])
    near_training.box.as_user(f"mkdir -p {near_training.folder}/outputs/checkpoints")
    near_training.box.as_user(f"ln -s /etc/passwd {near_training.folder}/outputs/checkpoints/a.safetensors")
    machine = Machine("box", load_runner("box"))
    with pytest.raises(SpriteLoraError, match="outputs/checkpoints there holds a link or a device; it is not taken"):
        machine.fetch(Task("train", "true", (), (Path("outputs/checkpoints"),), "none"))
    assert not list((near_training.project.root / "outputs/checkpoints").iterdir())


def test_results_that_do_not_come_whole_are_an_error(near_training, monkeypatch):
    """One of the outs is not there: nothing half is left to DVC."""
    monkeypatch.chdir(near_training.project.root)
    monkeypatch.setenv("PATH", near_training.environment()["PATH"])
    monkeypatch.setattr(ssh, "PATIENCE", (0, 0))
    near_training.box.as_user(f"mkdir -p {near_training.folder}/outputs/checkpoints")
    task = Task("train", "true", (), (Path("outputs/checkpoints"), Path("reports/train")), "none")
    with pytest.raises(SpriteLoraError, match=r"box \(box\): download: "):
        Machine("box", load_runner("box"))._fetch_all(task)
