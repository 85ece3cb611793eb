"""`sprite-lora run` in a container of a real podman: results and dvc.lock as of a local run."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import yaml

from sprite_lora.core.errors import SpriteLoraError
from tools.run.container import run_in_container
from tools.run.runners import load_runner
from tools.run.task import Task

pytestmark = pytest.mark.engines

IMAGE = "localhost/sprite-lora-test"

TRAIN = ("--force", "--single-item", "train")


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """An image of empty folders, below which this machine's system and this environment are mounted.

    It stands for one of the Dockerfile, whose packages take 7 GB and minutes to install.
    """
    if not shutil.which("podman") or not shutil.which("runc"):
        (pytest.fail if "CI" in os.environ else pytest.skip)(
            "not installed: podman, runc (apt-get install podman runc)"
        )
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    with tarfile.open(archive, "w") as tar:
        for folder in ("usr", "tmp", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        for link in ("bin", "lib", "lib64"):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{link}"
            tar.addfile(entry)
    done = subprocess.run(["podman", "import", str(archive), IMAGE], capture_output=True, text=True)
    if done.returncode:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"podman cannot work here: {done.stderr}")
    yield IMAGE
    subprocess.run(["podman", "rmi", "--force", IMAGE], capture_output=True)


class Inside:
    """A project whose runner `here` is a container."""

    def __init__(self, project, image):
        self.project, self.image = project, image
        self.output = project.root.parent / "said"
        self.describe()

    def describe(self, **more):
        environment = Path(sys.prefix)
        runner = {
            "kind": "container", "engine": "podman", "image": self.image,
            "options": ["--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"],
            "mounts": ["/usr", "/etc/alternatives", str(environment), sys.base_prefix],
            "env": {"PATH": f"{environment}/bin:/usr/bin:/bin", "HF_HUB_OFFLINE": "1"}, **more,
        }  # fmt: skip
        (self.project.root / "runners.yaml").write_text(yaml.safe_dump({"here": runner}))

    def run(self, *arguments, check=True):
        return self.project.run("sprite-lora", "run", "--on", "here", *arguments, check=check)

    def start(self, *arguments):
        return subprocess.Popen(
            ["sprite-lora", "run", "--on", "here", *arguments], cwd=self.project.root, stdin=subprocess.DEVNULL,
            env=self.project.environment(), stdout=self.output.open("a"), stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def wait_until_it_says(self, text):
        end = time.monotonic() + 120
        while text not in self.output.read_text():
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.05)


@pytest.fixture
def inside(image, fresh):
    """A short project in which nothing has run yet."""
    return Inside(fresh, image)


@pytest.fixture
def before_training(image, project):
    """A finished short project without its checkpoints and its state."""
    for folder in ("state", "logs", "outputs/checkpoints"):
        shutil.rmtree(project.root / folder)
    return Inside(project, image)


def test_results_and_lock_equal_a_local_run(inside, short_run):
    done = inside.run()
    assert done.stdout.count("runs in a container of podman") == 2, "train and sample"
    assert (inside.project.root / "dvc.lock").read_bytes() == (short_run.root / "dvc.lock").read_bytes()
    assert inside.project.tensors() == short_run.tensors()
    assert inside.project.pictures() == short_run.pictures()
    assert "up to date" in inside.project.run("dvc", "status").stdout
    assert {path.stat().st_uid for path in (inside.project.root / "outputs").rglob("*")} == {os.getuid()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_reaches_the_trainer(before_training, short_run, number):
    """Ctrl-C comes to the whole group, as from a terminal; SIGTERM too, as from a machine that shuts down."""
    run = before_training.start(*TRAIN)
    before_training.wait_until_it_says("step 4/6")
    os.killpg(run.pid, number)
    before_training.wait_until_it_says("stopped after step")
    assert run.wait(60) != 0
    again = before_training.run(*TRAIN)
    assert "resuming after step" in again.stdout
    assert before_training.project.tensors() == short_run.tensors()


def test_killed_here_and_started_again(before_training):
    """The container outlives the kill. It is told to save its state; never are there two trainers."""
    before_training.project.edit(train__max_train_epochs=12)
    run = before_training.start(*TRAIN)
    before_training.wait_until_it_says("step 4/36")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    again = before_training.run(*TRAIN)
    assert "was left over; it is told to save what it has and to end" in again.stdout
    assert "resuming after step" in again.stdout
    assert len(before_training.project.tensors()) == 12


def test_limit_is_kept(inside, monkeypatch):
    inside.describe(max_hours=1 / 3600)
    monkeypatch.chdir(inside.project.root)
    assert run_in_container("here", load_runner("here"), Task("train", "sleep 60", (), (), "none")) == 124


def test_exit_code_and_environment_come_through(inside, monkeypatch):
    inside.describe(pass_env=["TOKEN"])
    monkeypatch.chdir(inside.project.root)
    monkeypatch.setenv("TOKEN", "very secret")
    monkeypatch.setenv("OTHER", "not asked for")
    command = 'echo "$TOKEN,$OTHER,$(id -u),$PWD" >said; exit 7'
    assert run_in_container("here", load_runner("here"), Task("train", command, (), (), "none")) == 7
    said = (inside.project.root / "said").read_text().strip()
    assert said == f"very secret,,{os.getuid()},{inside.project.root}"


def test_engine_that_fails_is_said(inside, monkeypatch):
    inside.describe(image="localhost/nowhere")
    monkeypatch.chdir(inside.project.root)
    with pytest.raises(SpriteLoraError, match="here: podman failed, and says why above"):
        run_in_container("here", load_runner("here"), Task("train", "true", (), (), "none"))
