"""The score of a picture: sprites at the top, damage lowers it step by step, and nothing empty scores."""

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from sprite_lora.art.sprite import enlarge
from sprite_lora.scoring.judge import judge
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.view import view

Pixels = NDArray[np.uint8]
CELL = 8
SIDE = 24 * CELL


@pytest.fixture
def marks(sprites: dict[str, Pixels], ruler: Training, score: Score) -> Callable[[Callable[[Pixels], Pixels]], float]:
    """Mean score of four sprites after something was done to each, given as 24x24 cells."""

    def mean(change: Callable[[Pixels], Pixels]) -> float:
        some = list(sprites.values())[::20]
        return float(
            np.mean([judge(view(change(cells), "", 24, score.tolerance), ruler, score).score for cells in some])
        )

    return mean


def large(cells: Pixels) -> Pixels:
    return enlarge(cells, CELL)


def blur(cells: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(large(cells)).filter(ImageFilter.GaussianBlur(radius)))


def jpeg(cells: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(large(cells)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def shift(cells: Pixels, pixels: int) -> Pixels:
    return np.roll(large(cells), (pixels, pixels), axis=(0, 1))


def zoom(cells: Pixels, factor: float) -> Pixels:
    """Enlarged off the grid: the middle of a larger picture."""
    whole = round(SIDE * factor)
    start = (whole - SIDE) // 2
    picture = Image.fromarray(cells).resize((whole, whole), Image.Resampling.NEAREST)
    return np.asarray(picture)[start : start + SIDE, start : start + SIDE]


def noise(cells: Pixels, sigma: float) -> Pixels:
    drawn = large(cells) + np.random.default_rng(0).normal(0, sigma, (SIDE, SIDE, 3))
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def speckle(cells: Pixels, share: float) -> Pixels:
    random = np.random.default_rng(0)
    hit = random.random(cells.shape[:2]) < share
    return large(np.where(hit[..., None], random.integers(0, 256, cells.shape), cells).astype(np.uint8))


def smooth(cells: Pixels) -> Pixels:
    """What an untrained base draws: the same portrait without pixels."""
    return np.asarray(Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def test_training_sprites_score_about_ten(sprites, ruler, score):
    scores = [judge(view(large(cells), "", 24, score.tolerance), ruler, score).score for cells in sprites.values()]
    assert np.mean(scores) > 9.7
    assert min(scores) > 7


@pytest.mark.parametrize(
    ("damage", "steps", "most_at_the_end"),
    [
        (blur, [0.3, 0.6, 1, 2, 4], 2.5),
        (jpeg, [95, 60, 20, 5], 9.5),
        (shift, [1, 2, 3, 4], 9.2),
        (zoom, [1.02, 1.05, 1.13], 6.5),
        (noise, [2, 5, 10, 25, 60], 3),
        (speckle, [0.02, 0.1, 0.3, 1], 2),
    ],
)
def test_damage_lowers_the_score_step_by_step(marks, damage, steps, most_at_the_end):
    scores = [marks(large), *(marks(lambda cells, step=step: damage(cells, step)) for step in steps)]
    assert all(worse < better for better, worse in itertools.pairwise(scores)), scores
    assert scores[-1] < most_at_the_end


def test_small_shift_costs_little(marks):
    assert marks(lambda cells: shift(cells, 1)) > marks(large) - 0.8


def test_cells_of_another_size_cost_a_third_and_more(marks):
    """A sprite at 9 pixels per cell where 8 are expected: its parts lie elsewhere too."""
    assert marks(lambda cells: zoom(cells, 9 / 8)) < 6.5


def test_smooth_portrait_scores_low(marks):
    assert 0 < marks(smooth) < 3


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (127, 127, 127), (40, 160, 60)])
def test_flat_picture_scores_nothing(ruler, score, colour):
    flat = np.full((SIDE, SIDE, 3), colour, dtype=np.uint8)
    assert judge(view(flat, "", 24, score.tolerance), ruler, score).score == 0


def test_almost_black_picture_scores_nothing(ruler, score):
    faint = np.random.default_rng(0).integers(0, 3, (SIDE, SIDE, 3)).astype(np.uint8)
    assert judge(view(faint, "", 24, score.tolerance), ruler, score).score < 0.1


@pytest.mark.parametrize("cells", [1, 2, 3, 6, 12, 24])
def test_random_blocks_score_low(ruler, score, cells):
    blocks = np.random.default_rng(1).integers(0, 256, (cells, cells, 3)).astype(np.uint8)
    assert judge(view(enlarge(blocks, SIDE // cells), "", 24, score.tolerance), ruler, score).score < 3


def test_sprite_of_half_the_pixels_scores_low(marks):
    assert marks(lambda cells: enlarge(cells[::2, ::2], 2 * CELL)) < 6


def test_checkerboard_scores_low(ruler, score):
    board = (np.indices((24, 24)).sum(axis=0) % 2 * 200).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert judge(view(large(board), "", 24, score.tolerance), ruler, score).score < 3


@pytest.mark.parametrize("side", [512, 500, 97, 24, 17, 240])
def test_any_size_is_judged(sprites, ruler, score, side):
    """24 cells over 512 pixels are 21.3 each: still a grid, and judged as one; under 24 pixels there is none."""
    cells = next(iter(sprites.values()))
    picture = np.asarray(Image.fromarray(cells).resize((side, side), Image.Resampling.NEAREST))
    mark = judge(view(picture, "", 24, score.tolerance), ruler, score).score
    assert 0 <= mark <= 10
    if side >= 240:
        assert mark > 9
