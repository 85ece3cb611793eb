"""A project to put presets into."""

import shutil

import pytest
from click.testing import CliRunner
from places import ROOT

from tools.preset.command import command


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params.yaml and the presets, and nothing else; the working directory."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def preset(project):
    """Call `sprite-lora preset` in the project: its output; a SpriteLoraError is raised."""

    def call(*arguments):
        done = CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return call
