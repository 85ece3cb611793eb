"""The project here and the machine that ssh reaches, for tests of `sprite-lora run`."""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""Of pytest-xdist: each has a machine of its own."""

USER = f"sprite-lora-box{WORKER}"


def answer(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True)
class Box:
    """The machine, as its user and as the project that reaches it see it."""

    user: str
    home: Path
    client: Path
    """Folder of the client's ssh configuration."""
    port: int
    packages: Path
    """This environment's packages, where the user can read them."""

    def as_user(self, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell line as the user there."""
        return subprocess.run(
            ["su", "-", USER, "-s", "/bin/bash", "-c", command],
            check=check,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )


def environment_there(packages: Path) -> str:
    """A shell line that makes an environment there in no time: this one's packages, and the project's own folder.

    It stands for `uv sync`, which takes a minute and seven gigabytes for a user with an empty cache.
    """
    program = r"#!$PWD/.venv/bin/python\nimport sys\nfrom snakemake.cli import main\nsys.exit(main())\n"
    return (
        "[ -d .venv ] || { /usr/bin/python3 -m venv --without-pip .venv"
        f" && printf '%s\\n' {packages} $PWD > $(echo .venv/lib/python3*/site-packages)/project.pth"
        f' && printf "{program}" > .venv/bin/snakemake && chmod +x .venv/bin/snakemake; }}'
    )


class Near:
    """The project here, and what is to be done with the machine."""

    def __init__(self, project, box):
        self.project, self.box = project, box
        self.folder = f"work-{project.root.parent.name}"
        self.there = box.home / self.folder
        self.describe()

    def describe(self, **more):
        """Write runners.yaml."""
        runner = {
            "kind": "ssh",
            "host": "box",
            "folder": self.folder,
            "setup": environment_there(self.box.packages),
            **more,
        }
        (self.project.root / "runners.yaml").write_text(yaml.safe_dump({"box": runner}))

    def environment(self):
        return self.project.environment() | {"PATH": f"{self.box.client}:{self.project.environment()['PATH']}"}

    def run(self, *arguments, check=True):
        """`sprite-lora run --on box`."""
        command = ("sprite-lora", "run", "--on", "box", *arguments)
        return self.project.run(*command, check=check, PATH=self.environment()["PATH"])

    def start(self, *arguments):
        """The same in the background, in a process group of its own; `said` is what it prints."""
        self.output = self.project.root.parent / "said"
        return subprocess.Popen(
            ["sprite-lora", "run", "--on", "box", *arguments], cwd=self.project.root, env=self.environment(),
            stdout=self.output.open("a"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    @property
    def said(self):
        return self.output.read_text()

    def wait_for(self, condition, what, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s for {what}: {self.said}"
            time.sleep(0.05)

    def signal_trainer(self, name):
        """STOP holds the trainer there still, CONT lets it go on: its last steps take less time than DVC's start."""
        subprocess.run(["pkill", f"-{name}", "-u", self.box.user, "-f", "stages.train"], check=True)

    def follows_what_stands_still(self):
        """`run` once more finds the job, and brings home what it writes when it goes on."""
        run = self.start("--force", "--single-item", "train")
        self.wait_for(lambda: "train runs on box already; following it" in self.said, "the second run to follow")
        self.signal_trainer("CONT")
        assert run.wait(240) == 0, self.said

    def wait_for_epoch(self):
        """Until the state of the first of two epochs is saved there: the middle of the training."""
        self.wait_for(lambda: list(self.there.glob("state/train/*/resume.pt")), "an epoch there")


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
