"""Each metric against its own definition, on pictures small enough to count by hand."""

import numpy as np
import pytest

from sprite_lora.art.colour import oklab
from sprite_lora.art.grid import even_grid
from sprite_lora.art.grid_steps import on_borders, walk
from sprite_lora.art.palette import palette_of
from sprite_lora.art.sprite import enlarge
from sprite_lora.scoring import grid_fit
from sprite_lora.scoring.coarse import coarse
from sprite_lora.scoring.collapse import alive, spread
from sprite_lora.scoring.contours import contours
from sprite_lora.scoring.detail import detail
from sprite_lora.scoring.rim import rim
from sprite_lora.scoring.sameness import difference, sameness
from sprite_lora.scoring.stray import stray
from sprite_lora.scoring.usual import Usual
from sprite_lora.scoring.view import view


@pytest.fixture
def cells():
    return np.random.default_rng(3).integers(0, 256, (24, 24, 3)).astype(np.uint8)


def reference_residual(lab, side, n):
    """Cell by cell, in plain loops."""
    left, means, kept = [], [], []
    size = side // n
    for row in range(n):
        for column in range(n):
            block = lab[row * size : (row + 1) * size, column * size : (column + 1) * size]
            middle = [i for i in range(size) if abs((i + 0.5) / size - 0.5) <= 0.3]
            inner = block[np.ix_(middle, middle)].reshape(-1, 3)
            left += list(np.linalg.norm(inner - inner.mean(axis=0), axis=1))
            means += [inner.mean(axis=0)] * len(inner)
            kept.append(inner)
    centre = np.concatenate(kept).mean(axis=0)
    return np.mean(left) / np.linalg.norm(np.array(means) - centre, axis=1).mean()


@pytest.mark.parametrize("size", [3, 8, 10])
def test_residual_is_what_is_left_inside_cells(cells, size):
    drawn = enlarge(cells, size) // 2 + np.random.default_rng(0).integers(0, 60, (24 * size, 24 * size, 3))
    drawn = drawn.astype(np.uint8)
    found = grid_fit.residual(walk(drawn, 24, 24), even_grid(*drawn.shape[:2], 24, 24))
    assert found == pytest.approx(reference_residual(oklab(drawn), 24 * size, 24), rel=1e-5)


@pytest.mark.parametrize("size", [2, 8, 24])
def test_exact_enlargements_lie_on_the_grid(cells, size):
    seen, grid = walk(enlarge(cells, size), 24, 24), even_grid(24 * size, 24 * size, 24, 24)
    assert grid_fit.residual(seen, grid) == pytest.approx(0, abs=1e-6)
    assert on_borders(seen, grid) == pytest.approx(1)
    assert grid_fit.coherence(seen, grid) == pytest.approx(1)


def test_half_a_cell_off_is_out_of_phase(cells):
    seen, grid = walk(np.roll(enlarge(cells, 8), (4, 4), axis=(0, 1)), 24, 24), even_grid(192, 192, 24, 24)
    assert grid_fit.coherence(seen, grid) == pytest.approx(-1)
    assert on_borders(seen, grid) < 0


def test_noise_is_on_the_grid_by_chance_only():
    pixels = np.random.default_rng(0).integers(0, 256, (192, 192, 3)).astype(np.uint8)
    seen, grid = walk(pixels, 24, 24), even_grid(192, 192, 24, 24)
    assert on_borders(seen, grid) == pytest.approx(0, abs=0.02)
    assert grid_fit.coherence(seen, grid) == pytest.approx(0, abs=0.02)
    assert grid_fit.residual(seen, grid) > 1


def test_a_picture_is_judged_on_its_own_cells(sprites):
    """9 pixels a cell where 8 are expected: as crisp as on the expected grid, and another grid."""
    seen = view(enlarge(next(iter(sprites.values())), 9)[:192, :192], "", 24, 0.03)
    grid = seen.found.grid
    assert grid.shape == (21, 21)
    assert grid_fit.residual(seen.walk, grid) == pytest.approx(0, abs=1e-6)
    assert seen.found.sure == pytest.approx(1)
    assert grid_fit.coherence(seen.walk, grid) > 0.99
    assert seen.cells.shape == (24, 24, 3), "as many as training sprites have"
    measured = grid_fit.differences(seen)
    assert measured == pytest.approx({"cell_found": 9, "cell_expected": 8, "shift": 0}, abs=0.01)


@pytest.mark.parametrize(
    ("found", "shift", "expected"), [(8, 0, 1), (8.4, 0, 0.512), (9, 0, 0), (7, 0, 0), (8, 0.25, 0.875), (8, 0.5, 0.75)]
)
def test_another_grid_costs_all_and_a_shift_little(found, shift, expected):
    measured = {"cell_found": found, "cell_expected": 8, "shift": shift}
    assert grid_fit.GRID.quality(measured, None, None) == pytest.approx(expected, abs=0.001)


def test_detail_and_stray_are_counted():
    cells = np.zeros((4, 4, 3), dtype=np.uint8)
    cells[1, 1] = 255
    lab = oklab(cells)
    assert detail(contours(lab, 0.03)) == pytest.approx(4 / 24)
    assert stray(lab, 0.03) == pytest.approx(1 / 16)
    cells[2, 2] = 255
    assert stray(oklab(cells), 0.03) == 0, "diagonal neighbours belong together"


def test_stray_in_the_corner_is_seen():
    cells = np.zeros((4, 4, 3), dtype=np.uint8)
    cells[0, 0] = 255
    assert stray(oklab(cells), 0.03) == pytest.approx(1 / 16)


@pytest.mark.parametrize("every", [2, 3, 4])
def test_coarse_is_a_sprite_of_fewer_pixels(sprites, every):
    sprite = next(iter(sprites.values()))
    fine = coarse(contours(oklab(sprite), 0.03), 24)
    large = enlarge(sprite[::every, ::every], every)
    assert fine < 0.2
    assert coarse(contours(oklab(large), 0.03), 24) == pytest.approx(1)
    assert coarse(contours(oklab(np.roll(large, (1, 1), axis=(0, 1))), 0.03), 24) > 0.99, "whatever line it starts on"
    half = np.where((np.arange(24) < 12)[:, None, None], large, sprite)
    assert fine < coarse(contours(oklab(half), 0.03), 24) < 1


def test_coarse_needs_contours():
    assert coarse(np.zeros(2 * 24 * 23, dtype=bool), 24) == 0


def test_palette_covering_counts_colours():
    cells = np.zeros((10, 10, 3), dtype=np.uint8)
    cells[0, :5] = (255, 0, 0)
    cells[1, 0] = (0, 255, 0)
    palette = palette_of(cells, 0.03)
    assert palette.counts.tolist() == [94, 5, 1]
    assert [palette.covering(share) for share in (0.94, 0.95, 0.99, 1)] == [1, 2, 2, 3]


def test_rim_leaves_the_figure_out():
    cells = np.arange(24 * 24).reshape(24, 24)
    found = rim(cells)
    assert len(found) == len(set(found.tolist())) == 44
    assert not set(found.tolist()) & set(cells[12:].reshape(-1).tolist())
    assert not set(found.tolist()) & set(cells[2:, 1:-1].reshape(-1).tolist())


def test_collapse_guards():
    flat = oklab(np.full((24, 24, 3), 90, dtype=np.uint8))
    assert spread(flat) == 0
    assert [alive(value, 0.1) for value in (0, 0.01, 0.03, 0.05, 0.2)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert difference(np.array([flat, flat, flat])) == 0
    white = oklab(np.full((24, 24, 3), 255, dtype=np.uint8))
    black = oklab(np.zeros((24, 24, 3), dtype=np.uint8))
    assert difference(np.array([white, black, white])) == pytest.approx(2 / 3, abs=1e-6)
    assert [sameness(value, 0.3) for value in (0, 0.05, 0.1, 0.4)] == pytest.approx([1, 0.5, 0, 0])


@pytest.mark.parametrize(("value", "expected"), [(5, 1), (12, 1), (24, 0.5), (2.5, 0.5), (48, 0.25)])
def test_usual_range_halves_with_each_doubling(value, expected):
    assert Usual(5, 12).typical(value) == pytest.approx(expected)
