"""kill -9 in the middle, of everything or of DVC alone: `dvc repro` finishes, with an undisturbed run's bytes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

PATIENCE = 240


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


def stage_processes(root: Path, module: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if module in process.cmdline() and process.cwd() == str(root):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def in_training(root: Path) -> bool:
    """One epoch is finished and the next one is not: the middle of train."""
    return len(list((root / "state").rglob("*-000001.safetensors"))) > 0


def in_sampling(root: Path) -> bool:
    return len(list((root / "outputs/samples").rglob("*.png"))) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("whole_group", [True, False], ids=["whole group", "dvc alone"])
@pytest.mark.parametrize(("module", "reached"), [("stages.train", in_training), ("stages.sample", in_sampling)])
def test_repro_finishes_after_kill_9(fresh, short_run, module, reached, whole_group):
    dvc = subprocess.Popen(
        ["dvc", "repro"],
        cwd=fresh.root,
        env=fresh.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: reached(fresh.root), f"{module} to be in the middle")
    assert stage_processes(fresh.root, module)
    if whole_group:
        os.killpg(dvc.pid, signal.SIGKILL)
    else:
        dvc.kill()
    dvc.wait()

    fresh.run("dvc", "repro")
    assert not stage_processes(fresh.root, module), "an orphan is still at work beside the finished run"
    assert fresh.tensors() == short_run.tensors()
    assert fresh.pictures() == short_run.pictures()
    assert "up to date" in fresh.run("dvc", "status").stdout
