"""Real pictures, drawn by real LoRAs, against what an eye says of them."""

import csv

import numpy as np
import pytest
from PIL import Image
from places import SHARED

from benchmarks.score_real import CAPTIONS
from sprite_lora.art.palette import palette_of
from sprite_lora.scoring.judge import judge
from sprite_lora.scoring.remarks import picture_remarks
from sprite_lora.scoring.ruler import training
from sprite_lora.scoring.view import view

REAL = SHARED / "real"


@pytest.fixture(scope="module")
def real(score):
    """The ruler of the real sprites, and their cells by stem."""
    if not REAL.is_dir():
        pytest.skip("the real sprites and pictures are not here")
    files = sorted((REAL / "images").glob("*.png"))
    cells = {file.stem: np.asarray(Image.open(file).convert("RGB"))[12::24, 12::24] for file in files}
    captions = {stem: (REAL / f"captions/{CAPTIONS}/{stem}.txt").read_text().strip() for stem in cells}
    views = [view(one, captions[stem], 24, score.tolerance) for stem, one in cells.items()]
    return training(list(cells), views, score), cells


@pytest.fixture(scope="module")
def marks(score, real):
    """File to score, nothing being asked: all off the grid or broken, and every sixth picture of two LoRAs."""
    ruler, _ = real
    with (REAL / "outputs.csv").open() as table:
        rows = list(csv.DictReader(table))
    picked = [row for row in rows if row["run"] not in ("perfect", "fixed") or row["file"] in SEEN]
    picked += [row for row in rows if row["run"] in ("perfect", "fixed")][::6]
    found = {}
    for row in picked:
        pixels = np.asarray(Image.open(REAL / "outputs" / row["file"]).convert("RGB"))
        found[row["file"]] = judge(view(pixels, "", 24, score.tolerance), ruler, score).score
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
    assert all(marks[file] > 8 for file in GOOD), {file: marks[file] for file in GOOD}


def test_off_the_grid_scores_low(marks):
    off = {file: mark for file, mark in marks.items() if file.startswith(("flux", "sdxl"))}
    assert len(off) == 7
    assert max(off.values()) < 3, off


def test_crisp_art_on_another_grid_stands_between(score, real, marks):
    """Cells of 24 px where 21.3 are expected: above all that has no grid, below what is drawn as asked; and says so."""
    ruler, _ = real
    off = max(mark for file, mark in marks.items() if file.startswith(("flux", "sdxl")))
    for path in sorted((REAL / "rated").glob("cells24px_*.png")):
        seen = view(np.asarray(Image.open(path).convert("RGB")), "", 24, score.tolerance)
        verdict = judge(seen, ruler, score)
        assert 2 * off < verdict.score < 6, path.name
        assert verdict.measured["cell_found"] == pytest.approx(24, abs=0.6)
        (sentence,) = [sentence for word, sentence in picture_remarks(verdict, ruler, score) if word == "other grid"]
        assert "package.resolution expects 21.3" in sentence


@pytest.mark.parametrize("change", [lambda c: c, lambda c: np.roll(c[:, ::-1], (2, -1), axis=(0, 1))])
def test_copies_of_real_sprites_are_found(score, real, change):
    """As they are, and mirrored and moved; each with all its colours changed too."""
    ruler, cells = real
    for stem, sprite in list(cells.items())[::10]:
        drawn = np.ascontiguousarray(change(sprite))
        assert ruler.nearest_sprite(view(drawn, "", 24, score.tolerance)).copied == 1, stem
        palette = palette_of(drawn, score.tolerance)
        other = np.random.default_rng(0).integers(0, 256, palette.colours.shape).astype(np.uint8)[palette.cells]
        assert ruler.nearest_sprite(view(other, "", 24, score.tolerance)).copied > 0.5, stem


def test_black_scores_nothing(marks):
    assert [mark for file, mark in marks.items() if file.startswith("black")] == [0, 0]


def test_flawed_pictures_stand_between(marks):
    assert marks[NOISY] < 2
    assert 5 < marks[STRIPED] < 8


@pytest.mark.parametrize("file", WRONG_BACKGROUND)
def test_another_background_than_asked_is_named_and_costs_a_point(score, real, marks, file):
    ruler, _ = real
    with (REAL / "outputs.csv").open() as table:
        (prompt,) = [row["prompt"] for row in csv.DictReader(table) if row["file"] == file]
    pixels = np.asarray(Image.open(REAL / "outputs" / file).convert("RGB"))
    verdict = judge(view(pixels, prompt, 24, score.tolerance), ruler, score)
    assert [one.shows for one in verdict.named if one.thing == "background"] == ["otherwise"]
    assert verdict.score < marks[file] - 1


def test_lora_pictures_stand_apart_from_all_others(marks):
    lora = [mark for file, mark in marks.items() if file.startswith(("perfect", "fixed"))]
    assert np.mean([mark > 5 for mark in lora]) > 0.8
    assert np.median(lora) > 8
