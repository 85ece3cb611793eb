"""Colour words fitted to many colours at once."""

import numpy as np
import pytest

from sprite_lora.art.colour import name_distance, oklab
from sprite_lora.art.word_fit import WORDS, rivals, word_distances, word_fits


def test_distances_are_those_of_one_colour_at_a_time():
    colours = np.random.default_rng(0).integers(0, 256, (60, 3)).astype(np.uint8)
    found = word_distances(oklab(colours))
    for colour, row in zip(colours.tolist(), found, strict=True):
        assert row == pytest.approx([name_distance(tuple(colour), word) for word in WORDS], abs=1e-9)


@pytest.mark.parametrize(
    ("colour", "fits", "does_not"),
    [
        ((54, 168, 55), ("green",), ("blue", "red", "brown")),
        ((216, 211, 176), ("beige",), ("blue", "brown", "red")),
        ((178, 220, 255), ("blue",), ("grey", "purple")),
        ((91, 74, 56), ("brown",), ("green", "blue", "red")),
        ((0, 128, 128), ("teal",), ("purple", "red")),
    ],
)
def test_words_that_people_use(colour, fits, does_not):
    row = word_fits(oklab(np.array([colour], dtype=np.uint8)))[0]
    assert all(row[WORDS.index(word)] > 0.9 for word in fits)
    assert all(row[WORDS.index(word)] < 0.1 for word in does_not)


def test_shades_are_no_rivals_of_their_basic_word_and_neighbours_are():
    of_blue = {WORDS[number] for number in rivals(WORDS.index("blue"))}
    assert {"purple", "grey", "red"} < of_blue
    assert "navy" not in of_blue
    assert "blue" in {WORDS[number] for number in rivals(WORDS.index("navy"))}
