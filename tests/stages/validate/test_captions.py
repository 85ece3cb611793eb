"""The rules on a caption's text, each with a case that breaks it and one next to it that does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.dataset.checks.finding import quote
from sprite_lora.dataset.checks.limits import Gate, holding
from sprite_lora.dataset.checks.words import HUGE, check_words, read_caption, too_long, torn_lists

GATE = Gate(24, (255, 255, 255), ("pixel art", "24x24"), 0, 75, True, None)


def read(tmp_path, content):
    found = []
    (tmp_path / "a.txt").write_bytes(content)
    return read_caption(tmp_path / "a.txt", "a.txt", found), [case.rule for case in found]


@pytest.mark.parametrize(
    ("content", "caption", "rules"),
    [
        (b"pixel art, x\n", "pixel art, x", []),
        (b"pixel art, x\r\n\r\n", "pixel art, x", []),
        (b"a\nb", "a", ["multi-line"]),
        (b"a\rb", "a", ["multi-line"]),
        (b"", None, ["empty-caption"]),
        (b"  \n\t\n", None, ["empty-caption"]),
        (b"\nbelow", None, ["empty-caption"]),
        (b"\xef\xbb\xbfa", "a", ["bom"]),
        (b"caf\xe9", None, ["not-utf8"]),
        (b"\xff\xfea\0b\0", None, ["not-utf8"]),
        (b"x" * (HUGE + 1), None, ["huge-caption"]),
        (b"x" * HUGE, "x" * HUGE, []),
    ],
)
def test_reading(tmp_path, content, caption, rules):
    assert read(tmp_path, content) == (caption, rules)


def test_a_hundred_megabytes_are_not_read(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(100 * 2**20)
    found = []
    assert read_caption(tmp_path / "a.txt", "a.txt", found) is None
    assert [case.rule for case in found] == ["huge-caption"]
    assert len(found[0].message) < 400


@pytest.mark.parametrize(
    ("caption", "rules"),
    [
        ("pixel art, 24x24, red hair", []),
        ("24x24, pixel art, red hair", ["trigger"]),
        ("pixel art, red hair", ["trigger"]),
        ("red hair, pixel art, 24x24", ["trigger"]),
        ("Pixel art, 24x24, red hair", ["trigger"]),
        ("pixel art,24x24,red hair", []),
        ("pixel art, 24x24, red hair, red hair", ["duplicate-tag"]),
        ("pixel art, 24x24, #aaaaaa, x, #aaaaaa", []),
        ("pixel art, 24x24, palette: #aaaaaa, #bbbbbb", ["shuffle-splits-list"]),
        ("pixel art, 24x24, x, #aaaaaa, #bbbbbb, y", ["shuffle-splits-list"]),
        ("pixel art, 24x24, hat (red, gold, white)", ["shuffle-splits-list"]),
        ("pixel art, 24x24, hat (red gold white), #aaaaaa, x", []),
        ("pixel art, 24x24, hat (red, gold", []),
    ],
)
def test_words(caption, rules):
    found = []
    check_words(caption, "a.txt", GATE, found)
    assert [case.rule for case in found] == rules


def test_messages_quote_the_words():
    found = []
    check_words("red hair, 24x24, hat (gold, white)", "a.txt", GATE, found)
    assert 'lacks "pixel art"' in found[0].message
    assert '"red hair, 24x24"' in found[0].message
    assert '"hat (gold, white)" would be 2 separate tags' in found[1].message


def test_unshuffled_lists_may_stay():
    found = []
    check_words("pixel art, 24x24, #aaaaaa, #bbbbbb", "a.txt", Gate(24, (0, 0, 0), (), 0, 75, False, None), found)
    assert found == []


@given(st.lists(st.sampled_from(["a", "(b", "c)", "#aaaaaa", "palette: #aaaaaa", "(d)"]), max_size=12))
def test_torn_lists_are_runs_of_the_tags(parts):
    torn = torn_lists(parts)
    at = 0
    for run in torn:
        assert len(run) > 1
        while parts[at : at + len(run)] != run:
            at += 1
        at += len(run)
    assert at <= len(parts)


def test_truncated_says_what_is_lost_and_what_would_hold_it(clip):
    caption = "pixel art, 24x24, " + ", ".join(f"red hair {number}" for number in range(30))
    tokens = clip.count(caption)
    message = too_long(caption, tokens, clip, 75)
    assert message.startswith(f"{tokens} tokens, 75 are read")
    assert message.endswith("max_token_length 150 would hold it")
    assert quote(clip.cut(caption, 75)[1]) in message
    assert too_long(caption, tokens, clip, 150) is None


@pytest.mark.parametrize(("tokens", "length"), [(75, 75), (76, 150), (150, 150), (225, 225), (226, None)])
def test_the_smallest_length_that_holds(tokens, length):
    assert holding(tokens) == length


@given(st.text(max_size=400))
def test_quotes_are_one_short_printable_line(text):
    shown = quote(text)
    assert shown.isprintable()
    if len(text) <= 120 and text.isprintable():
        assert shown == f'"{text}"'
