"""`dvc push` and `dvc pull` with real servers on loopback: S3 by rclone, and ssh.

Tests of one `xdist_group` run in one process, one after the other: there is one machine for ssh and one Slurm.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runner_cases import USER, free_port

pytestmark = pytest.mark.engines


@pytest.fixture
def s3(tmp_path):
    """Address of an S3 server with a bucket `lora`, and the keys that open it, as environment variables."""
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent))
    (tmp_path / "s3/lora").mkdir(parents=True)
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [
            "setpriv",
            "--pdeathsig=TERM",
            rclone,
            "serve",
            "s3",
            "--addr",
            address,
            "--auth-key",
            "key,secret",
            str(tmp_path / "s3"),
        ],
        stderr=(tmp_path / "s3.log").open("w"),
    )
    end = time.monotonic() + 20
    while "Starting s3 server" not in (tmp_path / "s3.log").read_text() and time.monotonic() < end:
        time.sleep(0.1)
    yield f"http://{address}", {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    server.terminate()
    server.wait()


def comes_back(project, tmp_path, **environment):
    """Push from one clone and pull in another: the same outputs, and nothing to run."""
    project.commit("remote")
    project.run("dvc", "push", **environment)
    project.run("git", "clone", "-q", str(project.root), str(tmp_path / "elsewhere"))
    other = type(project)(tmp_path / "elsewhere")
    local = project.root / ".dvc/config.local"
    if local.exists():
        shutil.copy(local, other.root / ".dvc/config.local")
    other.run("dvc", "pull", **environment)
    assert other.tensors() == project.tensors()
    assert other.pictures() == project.pictures()
    assert "up to date" in other.run("dvc", "status").stdout


@pytest.mark.xdist_group("slurm")
def test_s3(project, s3, tmp_path):
    address, keys = s3
    project.run("dvc", "remote", "add", "-d", "store", "s3://lora/cache")
    project.run("dvc", "remote", "modify", "store", "endpointurl", address)
    comes_back(project, tmp_path, **keys)
    assert "secret" not in (project.root / ".dvc/config").read_text()


@pytest.mark.xdist_group("slurm")
def test_training_goes_on_in_another_clone(project, s3, tmp_path):
    """The state of an interrupted training travels by the remote; the checkpoints are those of an unbroken run."""
    address, keys = s3
    wanted = project.tensors()
    project.run("dvc", "remote", "add", "-d", "store", "s3://lora/cache")
    project.run("dvc", "remote", "modify", "store", "endpointurl", address)
    shutil.rmtree(project.root / "state")
    train = ("dvc", "repro", "--force", "--single-item", "train")
    run = subprocess.Popen(
        train, cwd=project.root, env=project.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 120
    while not list(project.root.glob("state/train/*/epochs/*-000001.safetensors")):
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGTERM)
    run.wait(60)
    project.run("dvc", "add", "state/train", "--to-remote", "-o", "training", **keys)
    project.commit("training so far")
    project.run("git", "clone", "-q", str(project.root), str(tmp_path / "elsewhere"))
    other = type(project)(tmp_path / "elsewhere")
    other.run("dvc", "get", ".", "training", "-o", "state/train", **keys)
    other.run("dvc", "repro", "package")
    assert "resuming after step" in other.run(*train).stdout
    assert other.tensors() == wanted


@pytest.mark.xdist_group("ssh")
def test_ssh(project, box, tmp_path):
    project.run("dvc", "remote", "add", "-d", "store", f"ssh://{USER}@127.0.0.1:{box.port}{box.home}/store")
    project.run("dvc", "remote", "modify", "--local", "store", "keyfile", str(box.client / "client"))
    comes_back(project, tmp_path)
