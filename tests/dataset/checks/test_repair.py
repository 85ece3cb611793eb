"""Repairs: safe, complete, idempotent."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.dataset.caption import tags
from sprite_lora.dataset.checks.caption_rule import Caption, CheckSettings
from sprite_lora.dataset.checks.captions import check_caption
from sprite_lora.dataset.checks.repair import Repairs, repaired
from sprite_lora.dataset.checks.rules import RULES
from sprite_lora.dataset.checks.sprites import Sprite

CELLS = np.full((24, 24, 3), (48, 148, 72), dtype=np.uint8)
CELLS[8:20, 7:17] = (240, 192, 156)
SPRITE = Sprite(b"", CELLS, np.array([0x309448, 0xF0C09C], dtype=np.uint32))
REPAIRS = Repairs(("pixel art", "24x24"), {"blodne": "blonde", "undenarth": "underneath"}, 0)
START = "pixel art, 24x24, "


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("hair (#309448)", "hair (#309448)"),
        ("hair (#309449)", "hair"),
        ("red hair (#309448)", "red hair"),
        ("red background (#309448)", "red background (#309448)"),
        ("green hair (#309448), skin (#f0c09c)", "green hair (#309448), skin (#f0c09c)"),
        ("hair (#309448), solid background (#309448)", "hair, solid background (#309448)"),
        ("hair (#f0c09c), solid background (#f0c09c)", "hair (#f0c09c), solid background"),
        ("green hair (#309448), lips (#309448)", "green hair (#309448), lips"),
        ("hair (#309448), lips (#309448)", "hair, lips"),
        ("hair (#309448), x, hair (#309448)", "hair (#309448), x"),
        ("a, palette: #309448, #f0c09c, b, #000000", "a, b"),
        ("a (of #309448, #f0c09c), b", "a (of), b"),
        ("a, (#309448), b (#12345)", "a, b"),
        ("a, b, a", "a, b"),
        ("Blodne hair, BLODNE, undenarth", "Blonde hair, BLONDE, underneath"),
        ("a,b ,  c", "a,b ,  c"),
    ],
)
def test_repairs(before, after):
    assert repaired(START + before, SPRITE, REPAIRS) == START + after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("red hair, pixel art, 24x24", "pixel art, 24x24, red hair"),
        ("24x24, red hair", "pixel art, 24x24, red hair"),
        ("Pixel Art, 24x24, red hair", "pixel art, 24x24, red hair"),
        ("\ufeffpixel art, 24x24, x\r\nsecond, #line\r\n", "pixel art, 24x24, x\r\nsecond, #line\r\n"),
        ("  pixel art, 24x24, x \n", "  pixel art, 24x24, x \n"),
        ("\n\nx", "\n\nx"),
        ("", ""),
    ],
)
def test_trigger_and_what_stays(before, after):
    assert repaired(before, SPRITE, REPAIRS) == after


def test_a_sprite_that_cannot_be_read_proves_nothing():
    assert repaired(START + "hair (#123456), eyes (#ff0000)", None, REPAIRS) == START + "hair (#123456), eyes (#ff0000)"


PHRASE = st.sampled_from(
    [
        "hair",
        "red hair",
        "green eyes",
        "solid background",
        "green background",
        "blodne beard",
        "pixel art",
        "24x24",
        "x",
    ]
)
CODE = st.sampled_from([" (#309448)", " (#f0c09c)", " (#000000)", "", "", " (#12345)", " #309448"])
BARE = st.sampled_from(["#309448", "#000000", "palette: #f0c09c", "", "(#309448", ")", "# x"])
CAPTION = st.lists(st.one_of(st.builds(str.__add__, PHRASE, CODE), BARE), max_size=12).map(", ".join)
SETTINGS = CheckSettings(24, (0, 0, 0), REPAIRS.trigger, 0, None, True, None)


@given(st.sampled_from(["", START, "\ufeff"]), CAPTION)
def test_repaired_captions_have_nothing_left_to_repair(start, caption):
    once = repaired(start + caption, SPRITE, REPAIRS)
    assert repaired(once, SPRITE, REPAIRS) == once
    if caption.strip():
        left = {case.rule for case in check_caption(Caption(once, SETTINGS, SPRITE), "")}
        # A list in brackets holds words, which no repair takes away.
        assert not {rule for rule in left if RULES[rule].repairable} - {"shuffle-splits-list"}


@given(CAPTION)
def test_no_word_is_lost(caption):
    """Codes, repetitions and misspellings aside, every word of the caption is still there."""

    def words(text):
        plain = re.sub(r"#\w*", " ", text.lower().replace("blodne", "blonde")).replace("palette:", " ")
        return set(re.findall(r"\w+", plain))

    assert words(caption) <= words(repaired(START + caption, SPRITE, REPAIRS))


@given(st.text(max_size=80))
def test_any_text(text):
    once = repaired(text, SPRITE, REPAIRS)
    assert repaired(once, SPRITE, REPAIRS) == once
    if text.strip() and not text.startswith(("\n", "\r")):
        assert tags(once)[:2] == ["pixel art", "24x24"] or not once.splitlines()[0].strip()
