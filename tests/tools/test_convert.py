"""params.yaml of the first form: one message with the command that converts it, and nothing else of it changed."""

import subprocess
import sys

import pytest
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.logs_params import Logs
from sprite_lora.core.params import Paths, load
from sprite_lora.core.yaml_text import parse
from sprite_lora.kohya.train_params import Train
from tools.convert import with_added, without_former

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
    assert without_former(text) == (text, [])
    assert with_added(text) == (text, [])


def test_weights_of_metrics_that_are_gone_are_taken_out():
    own = (ROOT / "params.yaml").read_text()
    gone = "    layout: 0.5            # of a picture\n    background: 0.3\n"
    former = own.replace("    stray: 0.3", gone + "    stray: 0.3", 1)
    assert former != own
    assert without_former(former) == (own, ["score.lost.layout", "score.lost.background"])


LATER = ("vae", "network_weights", "max_train_steps", "save_every_n_steps", "zero_terminal_snr")


def test_keys_that_came_later_are_added_with_values_that_change_nothing(tmp_path):
    """A file from before them loads then, as the project's own does; a section of later has its keys too."""
    path = tmp_path / "params.yaml"
    own = (ROOT / "params.yaml").read_text()
    before, rest = own.split("# What is only looked at")
    lines = (before + rest[rest.index("# Fixed prompts") :]).splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(tuple(f"  {key}:" for key in LATER))))
    with pytest.raises(SpriteLoraError, match=r"`train\.max_train_steps` is missing") as told:
        load(Train, path)
    assert told.value.hint == f"keys that came later: uv run sprite-lora convert {path}"
    command = [sys.executable, "-m", "tools.command_line", "convert", str(path)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(key in said for key in ("paths.vae", "train.max_train_steps", "logs.sample_every_n_epochs"))
    assert {section: load(section, path) for section in (Paths, Train, Logs)} == {
        section: load(section, ROOT / "params.yaml") for section in (Paths, Train, Logs)
    }
    assert (tmp_path / "models/no_vae").is_dir()
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "has today's form already" in said


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_empty_section_gets_its_keys_and_line_ends_stay(newline):
    own = (ROOT / "params.yaml").read_text()
    before, rest = own.split("# What is only looked at")
    text = (before + rest[rest.index("# Fixed prompts") :] + "\nlogs:\n").replace("\n", newline)
    after, added = with_added(text)
    assert added == ["logs.sample_every_n_epochs", "logs.sample_at_first"]
    assert after.count(newline) == after.count("\n")
    assert parse(after)["logs"] == {"sample_every_n_epochs": None, "sample_at_first": False}
    assert with_added(after) == (after, [])
