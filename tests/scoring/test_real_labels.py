"""The labels of the real pictures (benchmarks/labels) are well-formed, and each finds its picture."""

import csv
import hashlib
import re
from collections import Counter

import pytest
from places import ROOT, SHARED

REAL = SHARED / "real"
NAMED = {"as asked", "otherwise", "missing", "not asked", "cannot tell"}
WORST = ("missing", "otherwise", "cannot tell", "as asked")
HALVES = {f"{half / 2:g}" for half in range(2, 11)}
ALLOWED = {
    **dict.fromkeys(("background", "hair", "eyes", "skin", "worn"), NAMED),
    "set": {"rated", "cells24px", "outputs"},
    "face": {"whole", "partly garbled", "garbled", "none"},
    "grid": {"on", "other", "none"},
    "drawn": HALVES,
    "rating": HALVES,
    "drawn_again": HALVES | {""},
    "rating_again": HALVES | {""},
}


@pytest.fixture(scope="module")
def rows():
    with (ROOT / "benchmarks/labels/real.csv").open(newline="") as table:
        return list(csv.DictReader(table, strict=True))


def test_every_picture_is_labelled_once(rows):
    hashes = [row["sha256"] for row in rows]
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in hashes)
    assert len(set(hashes)) == len(hashes) == 109
    assert Counter(row["set"] for row in rows) == {"rated": 32, "cells24px": 6, "outputs": 71}


@pytest.mark.parametrize("column", ALLOWED)
def test_labels_are_of_those_defined(rows, column):
    assert {row[column] for row in rows} <= ALLOWED[column]


def test_runs_are_letters_of_one_set_and_epochs_are_numbers(rows):
    assert all(re.fullmatch("[A-Z]", row["run"]) and re.fullmatch(r"\d*", row["epoch"]) for row in rows)
    assert len({(row["run"], row["set"]) for row in rows}) == len({row["run"] for row in rows})


def test_worn_is_the_worst_of_its_things(rows):
    for row in rows:
        values = {one.split(": ")[1] for one in row["worn_things"].split("; ") if one}
        assert row["worn"] == next((value for value in WORST if value in values), "not asked"), row["sha256"]


def test_every_colour_that_is_otherwise_is_named(rows):
    for row in rows:
        for thing in ("background", "hair", "eyes", "skin"):
            assert row[f"{thing}_drawn"], row["sha256"]
            assert (row[thing], row[f"{thing}_drawn"]) != ("otherwise", "none"), row["sha256"]


def test_each_hash_is_a_picture_and_each_picture_has_a_row(rows):
    if not REAL.is_dir():
        pytest.skip("../shared/real does not exist")
    sets = {"rated": "rated/epoch-*.png", "cells24px": "rated/cells24px_*.png", "outputs": "outputs/**/*.png"}
    for name, pattern in sets.items():
        hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in REAL.glob(pattern)}
        assert {row["sha256"] for row in rows if row["set"] == name} == hashes, name
