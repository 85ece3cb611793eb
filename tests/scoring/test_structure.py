"""Parts that are missing, garbled or elsewhere, and what is no fault."""

import numpy as np
import pytest

from benchmarks import attacks
from sprite_lora.scoring.sprites import sprites as gathered
from sprite_lora.scoring.structure.learned import garbled, learn, shifted
from sprite_lora.scoring.structure.metric import STRUCTURE
from sprite_lora.scoring.view import view


@pytest.fixture(scope="module")
def left_out(sprites, score):
    """Structure learned from four fifths of the sprites, and the cells of the others."""
    stems = list(sprites)
    kept = [stem for number, stem in enumerate(stems) if number % 5]
    views = [view(sprites[stem], "", 24, score.tolerance) for stem in kept]
    return learn(gathered(kept, views), score), [sprites[stem] for stem in stems if stem not in kept]


def qualities(learned, pictures, score):
    seen = [view(np.ascontiguousarray(cells), "", 24, score.tolerance) for cells in pictures]
    return [STRUCTURE.quality(STRUCTURE.measure(one, learned, score), learned, score) for one in seen]


def test_sprites_that_were_left_out_are_usual(left_out, score):
    learned, others = left_out
    assert np.median(qualities(learned, others, score)) > 0.9


@pytest.mark.parametrize(
    "attack",
    [attacks.upside_down, attacks.face_shuffled, attacks.face_wiped, attacks.face_garbled, attacks.mouth_gone],
    ids=lambda attack: attack.__name__,
)
def test_damage_is_found(left_out, score, attack):
    learned, others = left_out
    spoiled = qualities(learned, [attack(cells, np.random.default_rng(0)) for cells in others], score)
    clean = qualities(learned, others, score)
    assert np.mean(np.array(spoiled) < 0.8) > 0.9
    assert np.mean([a > b for a in clean for b in spoiled]) > 0.9


def test_where_a_part_is_missing_is_said(left_out, score):
    learned, others = left_out
    gone = attacks.eye_gone(others[0], np.random.default_rng(0))
    found = STRUCTURE.measure(view(gone, "", 24, score.tolerance), learned, score)
    assert 0.3 < found["part_across"] < 0.5
    assert 0.4 < found["part_down"] < 0.6


def test_one_cell_beside_costs_nothing(left_out, score):
    learned, others = left_out
    here = STRUCTURE.measure(view(others[0], "", 24, score.tolerance), learned, score)
    beside = np.pad(others[0], ((0, 0), (1, 0), (0, 0)), mode="edge")[:, :-1]
    there = STRUCTURE.measure(view(beside, "", 24, score.tolerance), learned, score)
    assert there["structure"] == pytest.approx(here["structure"], abs=0.05)


def test_new_colours_are_no_fault(left_out, score):
    """A hue turned round keeps every contour; shading is kept nearly."""
    learned, others = left_out
    turned = [cells[..., [2, 0, 1]] for cells in others]
    assert np.median(qualities(learned, turned, score)) > 0.7


def test_shifts_are_all_one_cell_moves():
    lab = np.random.default_rng(0).random((6, 5, 3)).astype(np.float32)
    moved = shifted(lab)
    assert moved.shape == (9, 6, 5, 3)
    assert (moved[4] == lab).all()
    assert (moved[0][1:, 1:] == lab[:-1, :-1]).all()


@pytest.mark.parametrize("side", [2, 5, 24, 25])
def test_a_garbled_sprite_has_the_same_cells_elsewhere(side):
    cells = np.random.default_rng(0).random((side, side, 3)).astype(np.float32)
    changed = garbled(cells, np.random.default_rng(1))
    assert sorted(map(tuple, changed.reshape(-1, 3))) == sorted(map(tuple, cells.reshape(-1, 3)))
    assert (changed != cells).any() == (side > 5)


@pytest.mark.parametrize("number", [2, 3, 7])
def test_few_sprites_teach_little_and_break_nothing(sprites, score, number):
    some = dict(list(sprites.items())[:number])
    views = [view(cells, "", 24, score.tolerance) for cells in some.values()]
    learned = learn(gathered(list(some), views), score)
    assert all(0 <= quality <= 1 for quality in qualities(learned, list(sprites.values())[-5:], score))


def test_equal_sprites_and_flat_ones_are_measured(score):
    flat = [np.full((8, 8, 3), value, dtype=np.uint8) for value in (10, 10, 90)]
    views = [view(cells, "", 8, score.tolerance) for cells in flat]
    learned = learn(gathered(["a", "b", "c"], views), score)
    found = STRUCTURE.measure(views[0], learned, score)
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize("side", [8, 16, 64, 128])
def test_other_sizes(score, side):
    random = np.random.default_rng(0)
    cells = [random.integers(0, 4, (side, side, 1)).repeat(3, axis=2).astype(np.uint8) * 80 for _ in range(6)]
    views = [view(one, "", side, score.tolerance) for one in cells]
    learned = learn(gathered(list("abcdef"), views), score)
    assert 0 <= qualities_of(learned, views[0], score) <= 1


def qualities_of(learned, seen, score):
    return STRUCTURE.quality(STRUCTURE.measure(seen, learned, score), learned, score)
