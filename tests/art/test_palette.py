"""Palettes: near-identical colours become one, and nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sprite_lora.art.colour import distance
from sprite_lora.art.palette import palette_of


def cells_of(*colours):
    """One row of cells."""
    return np.array([colours], dtype=np.uint8)


def test_zero_tolerance_keeps_every_colour():
    cells = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    palette = palette_of(cells, 0)
    assert np.array_equal(palette.picture(), cells)
    assert palette.counts.sum() == 144
    assert list(palette.counts) == sorted(palette.counts, reverse=True)


def test_group_is_shown_in_its_middle_colour():
    palette = palette_of(cells_of((10, 10, 10), (11, 11, 11), (12, 12, 12), (250, 0, 0)), 0.02)
    assert palette.colours.tolist() == [[11, 11, 11], [250, 0, 0]]


def test_majority_keeps_its_colour():
    palette = palette_of(cells_of(*[(200, 10, 10)] * 5, *[(203, 12, 10)] * 4), 0.02)
    assert palette.colours.tolist() == [[200, 10, 10]]


def test_a_ramp_is_not_swallowed_whole():
    """Each step is near the next, the ends are far apart: no chain from black to white."""
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    assert 15 <= len(palette_of(ramp, 0.02).colours) <= 40


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=40), st.sampled_from([0.0, 0.02, 0.05]))
def test_no_cell_moves_further_than_twice_the_tolerance(colours, tolerance):
    cells = cells_of(*colours)
    palette = palette_of(cells, tolerance)
    assert palette.counts.sum() == len(colours)
    assert (np.bincount(palette.cells.reshape(-1)) == palette.counts).all()
    near = distance(palette.colours[:, None], cells[0][None]) <= 2 * tolerance + 0.01
    assert near[palette.cells[0], np.arange(len(colours))].all()


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1), (0.7, 1), (0.71, 2), (0.9, 2), (0.91, 3), (1, 3)])
def test_covering(share, expected):
    palette = palette_of(cells_of(*[(0, 0, 0)] * 7, *[(255, 0, 0)] * 2, (0, 0, 255)), 0.02)
    assert palette.covering(share) == expected
