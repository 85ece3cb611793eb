"""Real DVC in temporary clones of the working tree, on a short params file: 12 sprites, 2 epochs, 2 prompts."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from places import ROOT

SHORT_SPRITES = 12
TRACER = Path(__file__).parent / "tracer"


@dataclass(frozen=True)
class Project:
    """A clone in its own folder, and commands run in it as its user runs them."""

    root: Path

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command with this environment's programs first on the PATH; fail the test if it fails and `check`."""
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(**environment), capture_output=True, text=True, timeout=300
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def environment(self, **more: str) -> dict[str, str]:
        """The test's environment as a user has it: byte code is written, nothing is fetched."""
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        programs = Path(sys.executable).parent
        return {**inherited, "PATH": f"{programs}:{inherited['PATH']}", "HF_HUB_OFFLINE": "1", **more}

    def edit(self, **changes: object) -> None:
        """Set values in params.yaml: `train__network_dim=8` is `train.network_dim: 8`."""
        file = self.root / "params.yaml"
        params = yaml.safe_load(file.read_text())
        for dotted, value in changes.items():
            section, key = dotted.split("__")
            params[section][key] = value
        file.write_text(yaml.safe_dump(params, sort_keys=False))

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", message)

    def copy(self, target: Path) -> "Project":
        """A second folder with everything in it, cache and outputs too."""
        shutil.copytree(self.root, target, symlinks=True)
        return Project(target)

    def tensors(self) -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in sorted((self.root / "outputs/checkpoints").glob("*.safetensors"))
        }

    def pictures(self) -> dict[str, bytes]:
        samples = self.root / "outputs/samples"
        return {str(path.relative_to(samples)): path.read_bytes() for path in sorted(samples.rglob("*.png"))}


def clone(target: Path) -> Project:
    """The working tree's own files (tracked, or new and not ignored) as a fresh repository with one commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    project = Project(target)
    project.run("git", "init", "-q")
    return project


def shorten(project: Project) -> None:
    """12 sprites, 2 epochs, 2 prompts, few steps: the same pipeline in seconds."""
    for folder in ("data", "captions"):
        everyone = sorted((project.root / folder).iterdir())
        kept = everyone[:: len(everyone) // SHORT_SPRITES][:SHORT_SPRITES]
        for path in set(everyone) - set(kept):
            path.unlink()
    for stale in ("dvc.lock", "reports"):
        target = project.root / stale
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    prompts = yaml.safe_load((project.root / "params.yaml").read_text())["sample"]["prompts"]
    project.edit(
        train__max_train_epochs=2,
        train__train_batch_size=4,
        sample__steps=2,
        sample__prompts=dict(list(prompts.items())[:2]),
    )


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """A clone after `dvc repro`, committed. Shared: a test that changes it takes a `.copy()` first.

    The first process of pytest-xdist that needs it makes it, and each takes a copy: DVC locks the folder it works in.
    """
    if worker_id == "master":
        return _run_short(tmp_path_factory)
    shared = tmp_path_factory.getbasetemp().parent / "short run"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            _run_short(tmp_path_factory).root.rename(shared)
    return Project(shared).copy(tmp_path_factory.mktemp("short") / "copy")


def _run_short(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Each stage process also notes which keys of params.yaml it read (see tracer/sitecustomize.py)."""
    project = clone(tmp_path_factory.mktemp("short"))
    shorten(project)
    project.commit("start")
    trace = tmp_path_factory.mktemp("trace")
    project.run("dvc", "repro", PYTHONPATH=str(TRACER), TRACE_FOLDER=str(trace))
    project.commit("first run")
    (project.root / ".git" / "trace").symlink_to(trace)
    return project


@pytest.fixture
def project(short_run: Project, tmp_path: Path) -> Project:
    """A copy of the finished short run, to change at will."""
    return short_run.copy(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A short clone in which nothing has run yet."""
    target = tmp_path / "fresh"
    target.mkdir()
    project = clone(target)
    shorten(project)
    project.commit("start")
    return project


@pytest.fixture(scope="session")
def first_rows() -> Callable[[str], list[str]]:
    """The first column of a Markdown table as `dvc ... --md` prints it."""

    def first(table: str) -> list[str]:
        return [line.split("|")[1].strip() for line in table.splitlines()[2:] if line.startswith("|")]

    return first
