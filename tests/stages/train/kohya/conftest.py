"""A checkout that stands for sd-scripts, with an environment that is this one."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from places import ROOT

from sprite_lora.kohya import sd_scripts


def git(folder, *arguments):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass(frozen=True)
class StandIn:
    """A checkout whose train_network.py is stand_in.py."""

    root: Path
    notes: Path

    def commit(self, name):
        """One more file, committed."""
        (self.root / name).write_text("")
        git(self.root, "add", name)
        git(self.root, "commit", "-qm", name)

    def noted(self):
        """Its last call: `arguments` and `environment`."""
        return json.loads(self.notes.read_text())

    def flags(self):
        """Flags of its last call: name to value, "" for a switch."""
        parts = (one.removeprefix("--").partition("=") for one in self.noted()["arguments"] if one.startswith("--"))
        return {name: value for name, _, value in parts}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """At the commit that counts as v0.10.1."""
    root = tmp_path / "sd-scripts"
    (root / ".venv/bin").mkdir(parents=True)
    python = root / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for name in (sd_scripts.SCRIPT, sd_scripts.SDXL_SCRIPT):
        shutil.copyfile(Path(__file__).parent / "stand_in.py", root / name)
    shutil.copyfile(ROOT / "sprite_lora/kohya/sd_scripts.json", root / "sd_scripts.json")
    git(root, "init", "-q")
    git(root, "add", "*.py", "*.json")
    git(root, "commit", "-qm", "start")
    monkeypatch.setitem(sd_scripts.COMMITS, "v0.10.1", git(root, "rev-parse", "HEAD"))
    monkeypatch.setenv(sd_scripts.PLACE, str(root))
    monkeypatch.setenv("STAND_IN_NOTES", str(tmp_path / "notes.json"))
    monkeypatch.setattr("stages.train.kohya.process.POLL", 0.05)
    return StandIn(root, tmp_path / "notes.json")


@pytest.fixture
def directly(monkeypatch):
    """The script without `accelerate launch` before it, which takes seconds."""
    monkeypatch.setattr("stages.train.kohya.training.launch", lambda *arguments: [])


@pytest.fixture
def by_kohya(project, checkout):
    """The small project with the backend kohya: five sprites, three steps an epoch."""
    project.edit(backend="kohya", network_dim=2)
    for picture in (project.root / "outputs/dataset/1_punk").glob("*.png"):
        picture.with_suffix(".txt").write_text("pixel art, 24x24")
    return project
