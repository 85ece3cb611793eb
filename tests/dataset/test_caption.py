import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.dataset.caption import (
    FEATURE,
    Feature,
    background_tag,
    background_word,
    background_words,
    colour_words,
    features,
    first_line,
    hex_codes,
    tags,
    words,
)

CAPTION = (
    "pixel art, 24x24, hair (#03DC73), wearing hat with (red gold and white) logo (#27181f), dark skin, "
    "light grey blue background (#a0b1a6), palette: #a0b1a6, #4f2526"
)


def test_features():
    found = features(CAPTION)
    assert [(feature.phrase, feature.code) for feature in found] == [
        ("hair", "#03dc73"),
        ("wearing hat with (red gold and white) logo", "#27181f"),
        ("light grey blue background", "#a0b1a6"),
    ]
    assert CAPTION[found[0].start : found[0].end] == "hair (#03DC73)"
    assert CAPTION[found[2].start : found[2].end] == "light grey blue background (#a0b1a6)"


def test_several_codes_in_one_tag():
    assert [(f.phrase, f.code) for f in features("eyes (#111111) brown beard (#222222)")] == [
        ("eyes", "#111111"),
        ("brown beard", "#222222"),
    ]


@pytest.mark.parametrize("caption", ["(#111111)", "hair (#12345)", "hair #123456", "hair (#1234567)", "hair ()"])
def test_no_features(caption):
    assert features(caption) == []


TEXT = st.text(alphabet=st.sampled_from("ab ,()#0123456789abcdef:\n\t-/é"), max_size=80)


@given(TEXT)
def test_features_lie_in_the_caption(caption):
    end = 0
    for feature in features(caption):
        assert end <= feature.start < feature.end
        end = feature.end
        span = caption[feature.start : feature.end]
        assert span.startswith(feature.phrase)
        assert span.lower().rstrip(") \n\t").endswith(feature.code)
        assert feature.code in hex_codes(caption)
        assert "," not in feature.phrase


@given(st.text(alphabet=st.sampled_from("ab ,()#012345"), max_size=60), st.integers(0, 5))
def test_where_a_search_begins_changes_no_feature(caption, place):
    """Whatever begins within a phrase is found from the phrase's start, without trying every letter."""
    caption = f"{caption[:place]}(#012345){caption[place:]}(#012345)"
    everywhere = re.compile(FEATURE.pattern.removeprefix("(?<![^,()#])"))
    assert everywhere.pattern != FEATURE.pattern
    assert FEATURE.findall(caption) == everywhere.findall(caption)


@given(TEXT)
def test_every_bracketed_code_is_a_feature(phrase):
    clean = "".join(char for char in phrase if char not in ",()#").strip()
    if clean:
        assert features(f"x, {clean} (#a0b1a6), y") == [Feature(clean, "#a0b1a6", 3, 3 + len(clean) + 10)]


@given(TEXT)
def test_tags_rejoin_as_kohya_joins_them(caption):
    parts = tags(caption)
    assert all(part == part.strip() and part and "," not in part for part in parts)
    assert tags(", ".join(parts)) == parts
    assert "".join(parts).replace(" ", "") == "".join(part.strip() for part in caption.split(",")).replace(" ", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a, b\nc", "a, b"),
        ("  a \r\nb", "a"),
        ("a\rb", "a"),
        ("\nb", ""),
        ("\ufeffa", "a"),
        ("", ""),
        ("a\u2028b", "a\u2028b"),
    ],
)
def test_first_line(text, line):
    assert first_line(text) == line


@given(st.text(max_size=60))
def test_first_line_is_kohyas(tmp_path_factory, text):
    """sd-scripts `read_caption`: open(..., encoding="utf-8").readlines()[0].strip()"""
    if text.startswith("\ufeff"):
        return
    path = tmp_path_factory.mktemp("k") / "c.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        with path.open(encoding="utf-8") as file:
            lines = file.readlines()
    except UnicodeDecodeError:
        return
    assert first_line(text) == (lines[0].strip() if lines else "")


def test_words_and_colours():
    assert words("Long (very) hair #a0b1a6, 24x24 don't") == ["long", "very", "hair", "x", "don't"]
    assert colour_words("light grey blue") == ["grey", "blue"]
    assert colour_words("reddish-brown Gray") == ["red", "brown", "grey"]


@pytest.mark.parametrize(
    ("caption", "tag", "named"),
    [
        ("x, solid green background, red shirt", "solid green background", ["green"]),
        (
            "green to teal gradient background (#00dd73)",
            "green to teal gradient background (#00dd73)",
            ["green", "teal"],
        ),
        ("dark grey background cap, light blue background", "light blue background", ["blue"]),
        ("checkered background", "checkered background", []),
        ("pink background with green chart", "pink background with green chart", ["pink"]),
        ("red shirt", None, []),
        ("backgrounds of blue", None, []),
    ],
)
def test_background(caption, tag, named):
    assert background_tag(caption) == tag
    assert background_words(caption) == named
    assert background_word(caption) == (named[-1] if named else None)
