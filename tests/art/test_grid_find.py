"""The grid of a picture is found, whatever its cells' size and place, and none is made up where there is none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from places import ROOT

from sprite_lora.art.grid import cells_of
from sprite_lora.art.grid_find import find_grid
from sprite_lora.art.grid_lines import drifting_cuts

SPRITES = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((ROOT / "data").glob("*.png"))[::70]]


def drawn(cells, period):
    side = tuple(round(length * period) for length in (cells.shape[1], cells.shape[0]))
    return np.asarray(Image.fromarray(cells).resize(side, Image.Resampling.NEAREST))


def jpeg(pixels, quality=75):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("period", [2, 3, 4, 7.3, 8, 16, 64 / 3, 24, 40, 64])
def test_any_period_is_found_without_a_hint(period):
    """Cut off at the top and left, and through a JPEG. Halves and thirds of the period fit as well and are not it."""
    for cells in SPRITES:
        off = int(period / 3)
        pixels = drawn(cells, period)[off:, 2 * off :]
        for seen in (pixels, jpeg(pixels)):
            found = find_grid(seen)
            assert found.kind == "other"
            assert found.period == pytest.approx((period, period), rel=0.02)
            for phase, cut in zip(found.phase, (off, 2 * off), strict=True):
                gap = (phase + cut + period / 2) % period - period / 2
                assert abs(gap) <= max(0.6, 0.06 * period)


@pytest.mark.parametrize("cells", SPRITES[:1])
def test_enlarged_art_comes_back_to_its_own_pixels(cells):
    for period in (3, 8, 21.5):
        found = find_grid(drawn(cells, period))
        assert np.array_equal(cells_of(drawn(cells, period), found.grid), cells)


def test_the_expected_grid_is_kept_through_noise_and_blur():
    for cells in SPRITES:
        noisy = drawn(cells, 8) + np.random.default_rng(0).normal(0, 8, (192, 192, 3))
        blurred = np.asarray(Image.fromarray(drawn(cells, 8)).filter(ImageFilter.GaussianBlur(0.7)))
        for pixels in (drawn(cells, 8), np.clip(noisy, 0, 255).astype(np.uint8), blurred):
            found = find_grid(pixels, (24, 24))
            assert (found.kind, found.period, found.phase, found.grid.shape) == ("expected", (8, 8), (0, 0), (24, 24))


@pytest.mark.parametrize("shift", [(2, 3), (-3, 2), (4, 4)])
def test_a_shift_is_found_and_undone(shift):
    """The cells are the same, but for those that the shift brought in at the edges."""
    for cells in SPRITES:
        found = find_grid(np.roll(drawn(cells, 64 / 3), shift, axis=(0, 1)), (24, 24))
        assert found.kind == "shifted"
        assert found.phase == pytest.approx(shift, abs=0.3)
        own = cells_of(np.roll(drawn(cells, 64 / 3), shift, axis=(0, 1)), found.grid)
        assert np.array_equal(own[1:-1, 1:-1], cells[1:-1, 1:-1])


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (16, 24), (48, 32), (128, 128)])
def test_any_number_of_cells_of_any_shape(rows, columns):
    """A shift by a third of a cell, from 8 to 128 cells a side."""
    random = np.random.default_rng(0)
    cells = random.integers(0, 256, (4, 3)).astype(np.uint8)[random.integers(0, 4, (rows, columns))]
    pixels = np.roll(drawn(cells, 9), 3, axis=(0, 1))
    found = find_grid(pixels, (rows, columns))
    assert (found.kind, found.grid.shape) == ("shifted", (rows, columns))
    assert np.array_equal(cells_of(pixels, found.grid)[1:-1, 1:-1], cells[1:-1, 1:-1])


def test_cells_of_another_size_are_found():
    """24 pixels where 21.3 are expected, in a picture of 512."""
    for cells in SPRITES:
        pixels = drawn(cells, 24)[10:522, 5:517]
        found = find_grid(pixels, (24, 24))
        assert found.kind == "other"
        assert found.period == pytest.approx((24, 24), abs=0.1)
        assert found.sure > 0.95
        assert np.array_equal(cells_of(pixels, found.grid)[1:20, 1:20], cells[1:20, 1:20])


def test_lines_that_drift_are_followed():
    """As a diffusion model draws them: each line up to a sixth of a cell away from its place."""
    random = np.random.default_rng(2)
    lines = np.arange(24, 512, 24) + random.integers(-4, 5, 21)
    change = np.full(511, 0.01)
    change[lines - 1] = random.uniform(0.2, 1, 21)
    cuts = drifting_cuts(change, 24.0)
    assert set(lines) <= set(cuts.tolist())
    assert len(cuts) <= 24


def test_drifting_cells_are_found():
    cells = SPRITES[0][:21, :21]
    random = np.random.default_rng(0)
    for _ in range(3):
        sizes = [np.diff(np.concatenate([[0], np.arange(24, 504, 24) + random.integers(-2, 3, 20), [504]]))] * 2
        pixels = cells.repeat(sizes[0], axis=0).repeat(sizes[1], axis=1)
        found = find_grid(pixels, (28, 28))
        assert found.kind == "other"
        assert found.sure > 0.9
        assert found.period == pytest.approx((24, 24), abs=1.5)


def smooth(seed, nodes, side=384):
    noise = np.random.default_rng(seed).integers(0, 256, (nodes, nodes, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC))


def clouds(seed, side=384):
    """Like a photograph: detail of all sizes, fainter the finer it is, sharp edges of things, sensor noise."""
    random = np.random.default_rng(seed)
    layers = sum(smooth(seed * 99 + n, n, side).astype(float) / n for n in (3, 6, 12, 24, 48, 96)) * 1.6
    row, column = np.indices((side, side))
    for _ in range(6):
        inside = (row - random.integers(side)) ** 2 + (column - random.integers(side)) ** 2 < random.integers(70) ** 2
        layers[inside] = layers[inside] * 0.4 + random.integers(0, 150, 3)
    return np.clip(layers + random.normal(0, 3, layers.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("expected", [(24, 24), None])
def test_no_grid_is_made_up(expected):
    """The best of many grids is still no grid: in smooth pictures, in what is like a photograph, in noise."""
    pictures = [smooth(seed, nodes) for seed, nodes in enumerate((4, 9, 17, 24, 31))]
    pictures += [clouds(seed) for seed in range(6)]
    pictures += [np.random.default_rng(0).integers(0, 256, (384, 384, 3)).astype(np.uint8)]
    pictures += [np.full((384, 384, 3), 90, dtype=np.uint8)]
    for pixels in pictures:
        found = find_grid(pixels, expected)
        assert found.kind == "unsure"
        if expected:
            assert found.sure < 0.3
            assert found.grid.shape == (24, 24)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 30), (17, 17), (24, 24), (200, 100), (3, 700)])
def test_any_picture_has_an_answer(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    found = find_grid(pixels, (24, 24))
    assert found.grid.shape == (24, 24)
    assert cells_of(pixels, found.grid).shape == (24, 24, 3)
    assert np.isfinite(found.sure)
    assert find_grid(pixels).kind in ("unsure", "other")
