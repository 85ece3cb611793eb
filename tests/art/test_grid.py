"""Cells of a picture of any size."""

import numpy as np
import pytest
from PIL import Image

from sprite_lora.art.grid import cell_colours
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
