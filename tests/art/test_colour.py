import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.art.colour import (
    BASIC,
    NAMED,
    canonical_name,
    distance,
    is_named,
    name_distance,
    nearest_name,
    oklab,
    parse_hex,
    to_hex,
)
from sprite_lora.core.errors import SpriteLoraError

RGB = st.tuples(*[st.integers(0, 255)] * 3)


def oklab_by_hand(rgb):
    """Ottosson's own C++ sample, in plain floats, linear light first."""
    r, g, b = (c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb)
    long = 0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b
    middle = 0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b
    short = 0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b
    x, y, z = (value ** (1 / 3) for value in (long, middle, short))
    return (
        0.2104542553 * x + 0.7936177850 * y - 0.0040720468 * z,
        1.9779984951 * x - 2.4285922050 * y + 0.4505937099 * z,
        0.0259040371 * x + 0.7827717662 * y - 0.8086757660 * z,
    )


@given(RGB)
def test_oklab_is_ottossons(rgb):
    assert oklab(np.array(rgb, dtype=np.uint8)) == pytest.approx(oklab_by_hand(rgb), abs=1e-12)


def test_published_values():
    """The red of https://www.w3.org/TR/css-color-4/#ex-oklab-samples, and white."""
    assert oklab(np.array([255, 0, 0], dtype=np.uint8)) == pytest.approx((0.62796, 0.22486, 0.12585), abs=1e-4)
    assert oklab(np.array([255, 255, 255], dtype=np.uint8)) == pytest.approx((1, 0, 0), abs=1e-6)


def test_distance_broadcasts():
    black, picture = np.zeros(3, dtype=np.uint8), np.full((4, 5, 3), 255, dtype=np.uint8)
    assert distance(picture, black).shape == (4, 5)
    assert distance(picture, black) == pytest.approx(1, abs=1e-6)


@given(RGB)
def test_hex_round_trip(rgb):
    assert parse_hex(to_hex(rgb)) == rgb


@pytest.mark.parametrize("code", ["a0c8ff", "#a0c8f", "#a0c8ff0", "#a0c8fg", "", "#a0c8ff\n"])
def test_other_codes_are_refused(code):
    with pytest.raises(SpriteLoraError, match="six hex digits"):
        parse_hex(code)


CSS = {
    "black": "#000000", "white": "#ffffff", "grey": "#808080", "silver": "#c0c0c0", "red": "#ff0000",
    "maroon": "#800000", "yellow": "#ffff00", "olive": "#808000", "lime": "#00ff00", "green": "#008000",
    "aqua": "#00ffff", "teal": "#008080", "blue": "#0000ff", "navy": "#000080", "purple": "#800080",
    "orange": "#ffa500", "pink": "#ffc0cb", "brown": "#a52a2a", "gold": "#ffd700", "tan": "#d2b48c",
    "beige": "#f5f5dc", "cyan": "#00ffff", "magenta": "#ff00ff", "violet": "#ee82ee", "lavender": "#e6e6fa",
    "coral": "#ff7f50", "salmon": "#fa8072", "crimson": "#dc143c", "indigo": "#4b0082", "turquoise": "#40e0d0",
    "ivory": "#fffff0",
}  # fmt: skip
"""What CSS calls so (https://www.w3.org/TR/css-color-4/#named-colors)."""


@pytest.mark.parametrize("word", CSS)
def test_css_colours_bear_their_names(word):
    assert is_named(parse_hex(CSS[word]), word)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("#000000", "grey"), ("#dcb3ff", "red"), ("#03dc73", "pink"), ("#ff829f", "black"), ("#fab8a5", "brown"),
        ("#4f2526", "green"), ("#0153fd", "brown"), ("#fcfe66", "black"), ("#6ae745", "yellow"), ("#ed98bf", "orange"),
    ],
)  # fmt: skip
def test_opposites_do_not(code, word):
    assert not is_named(parse_hex(code), word)


@given(RGB, st.sampled_from(sorted(NAMED)))
def test_distance_to_a_word_is_the_distance_to_its_nearest_colour(rgb, word):
    """Held against a brute-force search over the region's own colours."""
    lab = oklab(np.array(rgb, dtype=np.uint8))
    nearest = math.inf
    for region in NAMED[word]:
        light = np.clip(lab[0], *region.lightness)
        hue = np.radians(np.linspace(*region.hue, 721))
        chroma = np.linspace(*region.chroma, 161)[:, None]
        plane = np.hypot(chroma * np.cos(hue) - lab[1], chroma * np.sin(hue) - lab[2])
        nearest = min(nearest, math.hypot(lab[0] - light, plane.min()))
    assert name_distance(rgb, word) == pytest.approx(nearest, abs=2e-3)


@given(RGB)
def test_every_colour_has_a_basic_name_near(rgb):
    assert nearest_name(rgb) in BASIC
    assert name_distance(rgb, nearest_name(rgb)) < 0.1


def test_a_dark_blue_is_sought_among_blues():
    assert name_distance((2, 1, 12), "blue") > name_distance((2, 1, 12), "blue", lighter=0.15)


@pytest.mark.parametrize(("word", "name"), [("Gray", "grey"), ("bluish", "blue"), ("golden", "gold"), ("hat", None)])
def test_words(word, name):
    assert canonical_name(word) == name
