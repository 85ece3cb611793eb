"""The tools and checks that read Git, in a repository whose configuration names programs: none runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from traps import ATTRIBUTES, commands, trap

from stages.validate.suggest import unrecoverable

COMMANDS = (["audit", "."], ["audit", "captions", "--json"], ["drift", "HEAD"], ["drift", "HEAD~1", "HEAD"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """params.yaml and captions, of which one is changed, in two commits."""
    project = tmp_path / "project"
    (project / "captions").mkdir(parents=True)
    shutil.copy2(ROOT / "params.yaml", project)
    for stem in ("a", "b"):
        (project / "captions" / f"{stem}.txt").write_text("pixel art")
    (project / ".gitattributes").write_text(ATTRIBUTES)
    commands(project, ["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"])
    return project


def test_no_program_of_it_runs(project: Path, tmp_path: Path) -> None:
    sprung = trap(project, tmp_path)
    (project / "captions" / "a.txt").write_text("pixel art, changed")
    subprocess.run(["git", "status"], cwd=project, capture_output=True, timeout=30)
    assert sprung.exists(), "git itself springs no trap"
    sprung.unlink()
    for command in COMMANDS:
        tool = [sys.executable, "-c", "from tools.command_line import main; main()", *command]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(tool, cwd=project, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
    captions = sorted((project / "captions").iterdir())
    assert unrecoverable(captions) == [project / "captions" / "a.txt"]
    assert not sprung.exists(), sprung.read_text()
