"""The rules on a caption's tags and tokens, each with a case that breaks it and one next to it that does not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.dataset.caption import MAX_BYTES
from sprite_lora.dataset.checks.caption_rule import Caption
from sprite_lora.dataset.checks.captions import (
    check_caption,
    cut_off,
    lists,
    read_caption,
    smallest_length,
)
from sprite_lora.dataset.checks.finding import quote


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
        (b"x" * (MAX_BYTES + 1), None, ["huge-caption"]),
        (b"x" * MAX_BYTES, "x" * MAX_BYTES, []),
    ],
)
def test_reading(tmp_path, content, caption, rules):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    text, findings = read_caption(path)
    assert text == caption
    assert [case.rule for case in findings] == rules
    assert all(case.file == path.as_posix() for case in findings)


def test_a_hundred_megabytes_are_not_read(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(100 * 2**20)
    text, findings = read_caption(tmp_path / "a.txt")
    assert text is None
    assert [case.rule for case in findings] == ["huge-caption"]
    assert len(findings[0].message) < 400


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
def test_tags(caption, rules, settings):
    found = [case.rule for case in check_caption(Caption(caption, settings), "a.txt")]
    assert [rule for rule in found if not rule.startswith("hex-")] == rules


def test_messages_quote_the_words(settings):
    missing, split = check_caption(Caption("red hair, 24x24, hat (gold, white)", settings), "a.txt")
    assert 'lacks "pixel art"' in missing.message
    assert '"red hair, 24x24"' in missing.message
    assert '"hat (gold, white)" would be 2 separate tags' in split.message
    assert missing.file == split.file == "a.txt"


def test_unshuffled_lists_may_stay(settings):
    caption = Caption("pixel art, 24x24, hat (gold, white)", replace(settings, shuffle_caption=False))
    assert list(check_caption(caption, "a.txt")) == []


@given(st.lists(st.sampled_from(["a", "(b", "c)", "#aaaaaa", "palette: #aaaaaa", "(d)"]), max_size=12))
def test_lists_are_runs_of_the_tags(parts):
    at = 0
    for run in lists(parts):
        assert len(run) > 1
        while parts[at : at + len(run)] != run:
            at += 1
        at += len(run)
    assert at <= len(parts)


def test_truncated_says_what_is_lost_and_what_would_hold_it(clip, settings):
    text = "pixel art, 24x24, " + ", ".join(f"red hair {number}" for number in range(30))
    caption = Caption(text, settings, tokenizer=clip)
    assert caption.tokens == clip.count(text)
    (message,) = cut_off(caption)
    assert message.startswith(f"{caption.tokens} tokens, 75 are read")
    assert message.endswith("max_token_length 150 would hold it")
    assert quote(clip.cut(text, 75)[1]) in message
    assert list(cut_off(replace(caption, settings=replace(settings, max_token_length=150)))) == []


@pytest.mark.parametrize(("tokens", "length"), [(75, 75), (76, 150), (150, 150), (225, 225), (226, None)])
def test_the_smallest_length_that_holds(tokens, length):
    assert smallest_length(tokens) == length
