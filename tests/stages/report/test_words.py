"""Figures and lists as one reads them, and colours that can be read."""

import re
from itertools import product
from pathlib import Path

import pytest

from stages.report import words

STYLE = Path(words.__file__).parent / "templates" / "style.css"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1536, "1.5 KiB"), (37_861_176, "36.1 MiB"), (2**31, "2 GiB")],
)
def test_size(count, text):
    assert words.size(count) == text


def test_numbers_and_lists():
    assert words.number(1234567) == "1\u202f234\u202f567"
    assert words.number(41.5) == "41.5"
    assert words.signed(-0.034) == "\u22120.03"
    assert words.signed(1) == "+1.00"
    assert words.plural(1, "copy", "copies") == "1 copy"
    assert words.plural(2, "copy", "copies") == "2 copies"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a"]) == "a"


def test_tags_that_all_prompts_share_are_said_once():
    prompts = ["pixel art, lad,  red  hat, sharp edges", "pixel art, lady, sharp edges"]
    shared = words.shared_tags(prompts)
    assert shared == ("pixel art", "sharp edges")
    assert [words.without_tags(prompt, shared) for prompt in prompts] == ["lad, red hat", "lady"]
    assert words.shared_tags(prompts[:1]) == ()
    assert words.without_tags("a, b", ("a", "b")) == "a, b"


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance of `#rrggbb`."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_contrast_in_both_schemes(scheme):
    """WCAG 2 AA: 4.5 to 1 for text."""
    blocks = [block for block in re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.S) if "--ink" in block]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    pairs = [
        *product(("ink", "soft", "accent"), ("page", "panel", "tint")),
        *((name, f"{name}-tint") for name in ("warn", "bad", "info")),
    ]
    for text, ground in pairs:
        bright, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
