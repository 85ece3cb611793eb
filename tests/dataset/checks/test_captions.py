"""The rules on a caption's tags and tokens, each with a case that breaks it and one next to it that does not."""

import time
from dataclasses import replace

import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.dataset.caption import MAX_BYTES, read_caption_file
from sprite_lora.dataset.checks.caption_rule import Caption
from sprite_lora.dataset.checks.captions import (
    check_caption,
    cut_off,
    lists,
    read_caption,
    smallest_length,
)
from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.finding import quote
from sprite_lora.dataset.checks.repair import Repairs, repaired

JOINED = "family \U0001f468\u200d\U0001f469, na\u00efve \u05d0\u200f"


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
        (b"a\0b\n", None, ["control-character"]),
        (b"\x1b[31mred\n", None, ["control-character"]),
        (b"\xef\xbb\xbfa\x7f", None, ["bom", "control-character"]),
        ("a\x9b31m".encode(), None, ["control-character"]),
        ("red \u202etah\u202c".encode(), None, ["control-character"]),
        (JOINED.encode(), JOINED, []),
        (b"a,\tb", "a,\tb", []),
        (b"a\n\0", "a", ["multi-line"]),
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


def until_closed(tags):
    """Where the run ends that closes the first tag's brackets, tag by tag."""
    for end in range(1, len(tags) + 1):
        run = ",".join(tags[:end])
        if run.count("(") <= run.count(")"):
            return end
    return 1


@given(st.lists(st.text("()a", max_size=3), max_size=12))
def test_lists_in_brackets_are_those_found_tag_by_tag(parts):
    found, at = [], 0
    while at < len(parts):
        end = at + until_closed(parts[at:])
        found += [parts[at:end]] * (end - at > 1)
        at = end
    assert lists(parts) == found


ENDLESS = ("a (,", "(a)", "a(", "background (", "( ", ", ", "#", "#abcdef (", "(#abcdef)", "a", "é ", ":", "(#", "#a,")


@pytest.mark.parametrize("text", ENDLESS)
def test_the_largest_caption_takes_seconds_and_no_minutes(text, clip, settings, green):
    """Repeated up to the limit, with what makes every rule look."""
    whole = f"{text * MAX_BYTES}"[: MAX_BYTES - 40] + " #abcdef x background"
    start = time.process_time()
    list(check_caption(Caption(whole, settings, green, clip), "a.txt"))
    Census().add(whole)
    repaired(whole, green, Repairs(("pixel art",), {}, 0))
    assert time.process_time() - start < 10


ANY = st.text(max_size=300) | st.lists(st.sampled_from(ENDLESS)).map("".join)


@examples(60, 100_000)
@given(st.binary(max_size=300) | ANY.map(str.encode))
def test_any_caption_gives_findings(tmp_path_factory, settings, clip, green, content):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(content)
    text, found = read_caption(path)
    if text is not None:
        found += check_caption(Caption(text, settings, green, clip), "a.txt")
        Census().add(text)
        repaired(text, green, Repairs(settings.trigger, {}, 0))
        assert read_caption_file(path) == text
    else:
        assert any(case.rule in ("empty-caption", "not-utf8", "control-character") for case in found)
    for case in found:
        assert case.message.isprintable()
        assert len(case.message) < 2000


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
