"""The table of rules, and how findings name files and quote captions."""

import re

from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from sprite_lora.dataset.checks.captions import CAPTION_RULES
from sprite_lora.dataset.checks.finding import quote, shown
from sprite_lora.dataset.checks.rules import RULES


def test_every_rule_is_described():
    for rule, described in RULES.items():
        assert rule == rule.lower().replace(" ", "-")
        assert described.severity in ("error", "warning", "info")
        assert described.title
        assert described.hint[0].islower(), rule
        assert described.severity == "error" or not described.fixed


def test_every_described_rule_is_in_the_code_and_the_reverse():
    files = [path for folder in ("sprite_lora", "stages") for path in (ROOT / folder).rglob("*.py")]
    used = {
        rule
        for path in files
        for rule in re.findall(r'[Ff]inding\(\s*"([a-z0-9-]+)"', path.read_text(encoding="utf-8"))
    }
    # Rules that are chosen while the code runs.
    chosen = {"missing-caption", "missing-sprite", "unknown-key", "bad-value"}
    assert used | chosen | CAPTION_RULES.keys() == RULES.keys()


def test_shown_paths_are_text():
    assert shown("a/b\udcff.png") == "a/b\\udcff.png"


@given(st.text(max_size=400))
def test_quotes_are_one_short_printable_line(text):
    written = quote(text)
    assert written.isprintable()
    if len(text) <= 120 and text.isprintable():
        assert written == f'"{text}"'
