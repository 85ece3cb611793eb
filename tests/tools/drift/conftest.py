"""A small project in a Git repository, and the history that misled people."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from places import ROOT, SHARED

Git = Callable[..., str]


@pytest.fixture
def params() -> dict[str, Any]:
    """The project's own params.yaml."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return content


@pytest.fixture
def project(tmp_path: Path, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folder with params.yaml and two captions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions").mkdir()
    (tmp_path / "captions" / "a.txt").write_text("pixel art, 24x24, red hair")
    (tmp_path / "captions" / "b.txt").write_text("pixel art, 24x24, blue hair")
    write_params(tmp_path, params)
    return tmp_path


def write_params(folder: Path, content: dict[str, Any]) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


@pytest.fixture
def write() -> Callable[[Path, dict[str, Any]], None]:
    return write_params


@pytest.fixture
def git(project: Path) -> Git:
    """git("commit", ...) in the project; the first commit holds everything."""

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        environment = {**os.environ, "HOME": str(project)}
        result = subprocess.run(
            ["git", *who, *arguments], cwd=project, capture_output=True, text=True, check=True, env=environment
        )
        return result.stdout.strip()

    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    return git


@pytest.fixture
def history() -> Path:
    return ROOT / "presets" / "history"


@pytest.fixture
def caption_versions() -> Path:
    """The real captions, a folder per version."""
    folder = SHARED / "real" / "captions"
    if not folder.is_dir():
        pytest.skip("the real captions are not on this machine")
    return folder
