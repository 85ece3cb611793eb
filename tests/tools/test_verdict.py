"""The selection as Markdown."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import ROOT

from tools.verdict import command


@pytest.fixture
def selection(tmp_path, monkeypatch):
    """A function that changes the selection of the default run, and returns what is printed."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    Path("reports").mkdir()

    def shown(*arguments, **changes):
        content = json.loads((ROOT / "reports/select.json").read_text()) | changes
        Path("reports/select.json").write_text(json.dumps(content))
        return CliRunner().invoke(command, arguments, catch_exceptions=False).output

    return shown


def test_figures_reasons_and_link(selection):
    text = selection("--page", "https://git.invalid/page")
    assert text.startswith("### Epoch 8: 4.57 of 10\n")
    assert "| untouched base | 1.11 (+3.46) |\n| margin over epoch 6 | +0.15, standard error 0.11 |\n" in text
    assert "\n- The untouched base scores 1.11: the LoRA gains 3.46.\n- **warning:** The last epoch is the best" in text
    assert "[reports/report.html](https://git.invalid/page)" in text


def test_lora_that_gains_nothing_is_said_first(selection):
    text = selection(gain=-0.2)
    assert text.splitlines()[2] == "**The untouched base scores as high: there is nothing to take.**"
    assert "nothing to take" not in selection()


def test_nothing_to_compare_with_is_left_out(selection):
    text = selection(base=None, gain=None, runner_up=None, margin=None, spread=None)
    assert "untouched base |" not in text
    assert "margin" not in text


def test_no_tags_come_through(selection):
    text = selection(reasons=["<img src=x>\x1b[31m"])
    assert "&lt;img src=x&gt;?[31m" in text
