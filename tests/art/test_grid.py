"""Cells of a picture of any size."""

import numpy as np
import pytest
from PIL import Image

from sprite_lora.art.grid import Grid, brought_to, cell_colours, cells_of, even_grid, fitted, resampled
from sprite_lora.art.sprite import enlarge, to_cells


@pytest.fixture
def cells():
    return np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)


@pytest.mark.parametrize("factor", [1, 2, 8, 24])
def test_whole_cells_as_to_cells(cells, factor):
    drawn = enlarge(cells, factor)
    assert np.array_equal(cell_colours(drawn, 24), to_cells(drawn, 24))
    assert np.array_equal(cell_colours(drawn, 24), cells)


@pytest.mark.parametrize("side", [25, 100, 250, 500, 512, 1000])
def test_cells_of_broken_size(cells, side):
    drawn = np.asarray(Image.fromarray(cells).resize((side, side), Image.Resampling.NEAREST))
    assert np.array_equal(cell_colours(drawn, 24), cells)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 30), (200, 100)])
def test_any_shape_gives_cells(height, width):
    assert cell_colours(np.zeros((height, width, 3), dtype=np.uint8), 24).shape == (24, 24, 3)


def test_cells_of_uneven_size():
    cells = np.random.default_rng(0).integers(0, 256, (3, 2, 3)).astype(np.uint8)
    drawn = cells.repeat([5, 7, 6], axis=0).repeat([4, 9], axis=1)
    grid = Grid(np.array([0.0, 5, 12, 18]), np.array([0.0, 4, 13]))
    assert grid.shape == (3, 2)
    assert np.array_equal(cells_of(drawn, grid), cells)


def test_of_cells_that_reach_beyond_the_picture_the_part_inside_counts(cells):
    drawn = enlarge(cells, 8)[3:, 5:]
    grid = Grid(np.arange(25) * 8.0 - 3, np.arange(25) * 8.0 - 5)
    assert np.array_equal(cells_of(drawn, grid), cells)


def test_another_number_of_cells_is_laid_on_the_wanted_ones(cells):
    """21 cells of 24 pixels where 24 of 21 are wanted: each wanted cell takes the one at its centre."""
    own, wanted = even_grid(504, 504, 21, 21), even_grid(504, 504, 24, 24)
    laid = resampled(cells[:21, :21], own, wanted)
    centre = ((np.arange(24) + 0.5) * 21 / 24).astype(int)
    assert np.array_equal(laid, cells[centre][:, centre])
    outside = Grid(own.rows[1:-1], own.columns)
    assert np.array_equal(resampled(cells[1:20, :21], outside, wanted)[0], cells[1][centre]), "the nearest one"


def test_fitted_cuts_off_or_repeats_both_edges(cells):
    assert np.array_equal(fitted(cells, 20, 21), cells[2:22, 1:22])
    more = fitted(cells, 27, 24)
    assert np.array_equal(more[1:25], cells)
    assert np.array_equal(more[0], cells[0])
    assert np.array_equal(more[26], cells[23])


def test_fitted_takes_and_gives_where_the_background_is(cells):
    """Of a bust, whose body reaches the lower edge."""
    bust = cells.copy()
    bust[:4] = (20, 160, 60)
    assert np.array_equal(fitted(bust, 27, 24)[3:], bust)
    assert np.array_equal(fitted(bust, 27, 24)[0], bust[0])
    assert np.array_equal(fitted(bust, 21, 24), bust[3:])
    assert np.array_equal(fitted(bust, 18, 24), bust[4:22]), "the four rows of background, then below"


def test_far_more_cells_are_resampled(cells):
    own, wanted = even_grid(512, 512, 24, 24), even_grid(512, 512, 12, 12)
    assert np.array_equal(brought_to(cells, own, wanted), cells[1::2, 1::2])
    near = even_grid(512, 512, 22, 22)
    assert np.array_equal(brought_to(cells, own, near), fitted(cells, 22, 22))
