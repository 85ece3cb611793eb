"""Which words count as misspelt."""

from collections import Counter

import pytest

from sprite_lora.dataset.checks.spelling import misspelt


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("multoclored", "multicolored"), ("undenarth", "underneath"), ("blodne", "blonde"), ("meidum", "medium")],
)
def test_spelling(wrong, right):
    assert misspelt(Counter({right: 20, wrong: 1, "hair": 200})) == {wrong: right}


@pytest.mark.parametrize(
    ("rare", "frequent"),
    [
        ("shirts", "shirt"), ("curly", "curls"), ("brighter", "lighter"), ("tshirt", "shirt"),
        ("reflective", "reflection"),
        ("voluptuous", "voluminous"), ("yellow", "fellow"), ("greens", "green"),
    ],
)  # fmt: skip
def test_words_of_their_own(rare, frequent):
    assert misspelt(Counter({frequent: 20, "bright": 20, rare: 5 if rare == "yellow" else 1})) == {}


def test_frequent_misspellings_are_words():
    assert misspelt(Counter({"colored": 20, "colroed": 10})) == {}
