"""The selection as Markdown."""

import pytest
from click.testing import CliRunner

from sprite_lora.results.selection import Best, Chance, Selection
from tools.verdict import command


@pytest.fixture
def selection(tmp_path, monkeypatch):
    """A function that writes a selection with these changes, and returns what is printed."""
    monkeypatch.chdir(tmp_path)
    chosen = Selection(
        epoch=8,
        score=7.57,
        best=Best(epoch=8, score=7.57),
        runner_up=6,
        margin=0.15,
        spread=0.11,
        chances=(Chance(epoch=6, best=0.09), Chance(epoch=8, best=0.91)),
        tied=(8,),
        passed_over=(),
        base=1.11,
        gain=6.46,
        people=None,
        reasons=("The untouched base scores 1.11: the LoRA gains 6.46.",),
        warnings=("The last epoch is the best.",),
        more_pictures=None,
        usable=True,
        reasons_against=(),
        file="outputs/selected/punk.safetensors",
        checkpoint="punk.safetensors",
        model_hash="ab" * 32,
    )

    def shown(*arguments, **changes):
        chosen.model_copy(update=changes).write()
        return CliRunner().invoke(command, arguments, catch_exceptions=False).output

    return shown


def test_figures_reasons_and_link(selection):
    text = selection("--page", "https://git.invalid/page")
    assert text.startswith("### Epoch 8: 7.57 of 10\n")
    assert (
        "| untouched base | 1.11 (+6.46) |\n| margin over epoch 6 | +0.15, standard error 0.11 |\n"
        "| chance that it is the best | 91% |\n"
    ) in text
    assert "\n- The untouched base scores 1.11: the LoRA gains 6.46.\n- **warning:** The last epoch is the best" in text
    assert "[reports/report.html](https://git.invalid/page)" in text
    assert "usable" not in text


def test_none_usable_is_said_first_with_reasons(selection):
    text = selection(usable=False, reasons_against=("Too <low>.", "Fails."))
    assert text.startswith(
        "### None is usable; least bad is epoch 8: 7.57 of 10\n\n"
        "- **against:** Too &lt;low&gt;.\n- **against:** Fails.\n\n|"
    )


def test_nothing_to_compare_with_is_left_out(selection):
    text = selection(base=None, gain=None, runner_up=None, margin=None, spread=None)
    assert "untouched base |" not in text
    assert "margin" not in text
    assert "chance" not in text


def test_no_tags_come_through(selection):
    text = selection(reasons=("<img src=x>\x1b[31m",))
    assert "&lt;img src=x&gt;?[31m" in text
