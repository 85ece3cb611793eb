"""A clone of the working tree in which a benchmark runs DVC, so that no run of the project's own is touched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def clone(target: Path, **train: object) -> Path:
    """The working tree's own files, with nothing run yet; `train` are values for that section of params.yaml."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / "dvc.lock").unlink(missing_ok=True)
    shutil.rmtree(target / "reports", ignore_errors=True)
    params = yaml.safe_load((target / "params.yaml").read_text())
    params["train"] |= train
    (target / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for command in ("init -q", "add -A", "-c user.name=b -c user.email=b@example.invalid commit -qm start"):
        subprocess.run(["git", *command.split()], cwd=target, check=True)
    return target


def environment() -> dict[str, str]:
    """This process's own, with its Python's programs first on the PATH and nothing fetched."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1"}
