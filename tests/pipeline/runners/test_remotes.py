"""`dvc push` and `dvc pull` with a real S3 server on loopback: rclone's. With a real sshd: test_ssh.py."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runner_cases import comes_back, free_port

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


def test_s3(project, s3, tmp_path):
    address, keys = s3
    project.run("dvc", "remote", "add", "-d", "store", "s3://lora/cache")
    project.run("dvc", "remote", "modify", "store", "endpointurl", address)
    comes_back(project, tmp_path, **keys)
    assert "secret" not in (project.root / ".dvc/config").read_text()


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
