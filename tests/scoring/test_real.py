"""Real pictures, drawn by real LoRAs, against what an eye says of them."""

import csv

import numpy as np
import pytest
from PIL import Image
from places import SHARED

from sprite_lora.scoring.judge import judge
from sprite_lora.scoring.ruler import training
from sprite_lora.scoring.view import view

REAL = SHARED / "real"


@pytest.fixture(scope="module")
def marks(score):
    """File to score: all that are off the grid or broken, and every sixth of the two LoRAs' pictures."""
    if not REAL.is_dir():
        pytest.skip("the real sprites and pictures are not here")
    files = sorted((REAL / "images").glob("*.png"))
    cells = [np.asarray(Image.open(file).convert("RGB"))[12::24, 12::24] for file in files]
    ruler = training([file.stem for file in files], [view(one, "", 24, score.tolerance) for one in cells], score)
    with (REAL / "outputs.csv").open() as table:
        rows = list(csv.DictReader(table))
    picked = [row for row in rows if row["run"] not in ("perfect", "fixed") or row["file"] in SEEN]
    picked += [row for row in rows if row["run"] in ("perfect", "fixed")][::6]
    found = {}
    for row in picked:
        pixels = np.asarray(Image.open(REAL / "outputs" / row["file"]).convert("RGB"))
        found[row["file"]] = judge(view(pixels, row["prompt"], 24, score.tolerance), ruler, score).score
    return found


NOISY = "perfect/epoch01/brown_eyes_lad.png"
STRIPED = "perfect/epoch08/brown_eyes_lad.png"
WRONG_BACKGROUND = ("perfect/epoch06/brown_eyes_lady.png", "fixed/epoch07/brown_eyes_test.png")
GOOD = (
    "perfect/epoch02/brown_eyes_lad.png",
    "perfect/epoch04/brown_eyes_lady.png",
    "perfect/epoch08/brown_eyes_lady.png",
    "fixed/epoch06/brown_eyes_test.png",
    "fixed/epoch09/cyan_eyes.png",
    "fixed/epoch10/brown_eyes_lady.png",
)
SEEN = (NOISY, STRIPED, *WRONG_BACKGROUND, *GOOD)


def test_good_pictures_score_high(marks):
    assert all(marks[file] > 8.5 for file in GOOD), {file: marks[file] for file in GOOD}


def test_off_the_grid_scores_low(marks):
    off = {file: mark for file, mark in marks.items() if file.startswith(("flux", "sdxl"))}
    assert len(off) == 7
    assert max(off.values()) < 3, off


def test_black_scores_nothing(marks):
    assert [mark for file, mark in marks.items() if file.startswith("black")] == [0, 0]


def test_flawed_pictures_stand_between(marks):
    assert 3 < marks[NOISY] < 5
    for file in (STRIPED, *WRONG_BACKGROUND):
        assert 5 < marks[file] < 7.5


def test_lora_pictures_stand_apart_from_all_others(marks):
    lora = [mark for file, mark in marks.items() if file.startswith(("perfect", "fixed"))]
    assert min(lora) > 3
    assert np.median(lora) > 8.5
