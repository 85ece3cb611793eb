"""params.yaml of the first form: one message with the command that converts it, and nothing else of it changed."""

import subprocess
import sys

import pytest
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import Paths, load
from tools.convert import converted

FORMER = """  # where results lie
  dataset: outputs/dataset      # what package writes, in kohya's layout
  reports: ../victim
  state: state
"""


@pytest.fixture
def former(tmp_path):
    path = tmp_path / "params.yaml"
    text = (ROOT / "params.yaml").read_text()
    path.write_text(text.replace("\nvalidate:\n", FORMER + "\nvalidate:\n", 1))
    return path


def test_one_message_names_the_keys_and_the_command(former):
    with pytest.raises(SpriteLoraError) as told:
        load(Paths, former)
    assert "paths.dataset, paths.reports, paths.state are no params any more" in str(told.value)
    assert told.value.hint == f"uv run sprite-lora convert {former}"


def test_it_is_converted_and_loads(former):
    command = [sys.executable, "-m", "tools.command_line", "convert", str(former)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "paths.dataset, paths.reports, paths.state" in said
    assert load(Paths, former).reports.as_posix() == "reports"
    assert former.read_text() == (ROOT / "params.yaml").read_text().replace(
        "\nvalidate:\n", "  # where results lie\n\nvalidate:\n", 1
    )
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "has today's form already" in said


@pytest.mark.parametrize("text", ["", "paths:\n", "paths: [1]\n", "a: 1\n", (ROOT / "params.yaml").read_text()])
def test_what_needs_no_change_gets_none(text):
    assert converted(text) == (text, [])
