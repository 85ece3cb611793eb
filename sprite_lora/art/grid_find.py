"""Finds the grid that a picture is drawn on: how wide its cells are, and where they begin.

Method. Colour changes are summed up per column and per row of pixels (grid_steps.Walk); on a grid they form a comb.
Its period is a peak of the comb's Fourier spectrum, and its phase the peak's; the first two harmonics count. The peak
is held against chance as Rayleigh's test does (z = n R^2, n the number of changes that matter, R the share of them in
step). What the peak promises is then measured: the share of the gradient energy that lies on the cuts. Where the cells
drift, as diffusion models draw them, the cuts follow (grid_lines). The idea of edge-phase coherence is pixelwright's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.grid import Grid, even_grid
from sprite_lora.art.grid_lines import drifting_cuts
from sprite_lora.art.grid_steps import Steps, Walk, on_borders, walk
from sprite_lora.art.sprite import Pixels

Vector = NDArray[np.float64]

LEAST, MOST = 2.0, 64.0
"""Pixels: the periods that are looked for where none is expected."""

NEAR = 2.1
"""Up to this many times the expected period, and down to its inverse, another one is looked for."""

SURE = 0.6
"""Share of the energy on the cuts, less chance, from which a grid is believed. Photographs reach 0.25, art 0.8.

The blocks of a JPEG are a grid of 8 pixels: at quality 10 some photographs reach 0.6 with them."""

BETTER = 0.1
"""Another grid must have this much more energy on its cuts than the expected one, which wins otherwise."""

SIGNIFICANT = 18.0
"""z from which a period is no chance. Irregular blocks on a coarse lattice of pixels reach 16."""

ALIKE = 0.3
"""Share of the largest z from which a period is looked at: multiples and fractions of a period come near to it."""

CANDIDATES = 8
PADDING = 8
"""Times the picture's side: how finely the spectrum is looked at."""

Kind = Literal["expected", "shifted", "other", "unsure"]


@dataclass(frozen=True)
class FoundGrid:
    """The grid that a picture is judged on."""

    grid: Grid
    """Its own cells; the expected ones where nothing else is sure."""
    period: tuple[float, float]
    """Pixels per cell, down and across."""
    phase: tuple[float, float]
    """Pixels from the picture's top and left edge to the nearest line of the grid, -period / 2 to period / 2."""
    sure: float
    """Share of the gradient energy that lies on the cell borders, less chance: 1 = all of it, 0 = as chance has it."""
    kind: Kind
    """As expected; its cells at another place; of another size (or none was expected); no grid found that is sure."""


def find_grid(pixels: Pixels, expected: tuple[int, int] | None = None) -> FoundGrid:
    """The grid of HxWx3 sRGB bytes, given how many rows and columns of cells are expected.

    The expected grid is returned unless another one is clearly better. With none expected, periods of 2 to 64 pixels
    are looked for, square, and of those that fit equally the largest is taken; where none is sure, every pixel is a
    cell and the kind is `unsure`.
    """
    height, width = pixels.shape[:2]
    rows, columns = expected or (max(1, height // 8), max(1, width // 8))
    return found_on(walk(pixels, rows, columns), expected)


def found_on(seen: Walk, expected: tuple[int, int] | None) -> FoundGrid:
    """`find_grid` for a picture that was walked already."""
    sides = seen.down.side, seen.across.side
    plain = even_grid(*sides, *(expected or sides))
    periods = sides[0] / plain.shape[0], sides[1] / plain.shape[1]
    share = on_borders(seen, plain) if expected else 0.0
    if share + BETTER >= 1 or (expected and min(periods) < LEAST):
        return FoundGrid(plain, periods, (0.0, 0.0), share, "expected")
    others = [_shifted(seen, plain)] if expected else []
    others += [FoundGrid(g, p, _phase(g, p), on_borders(seen, g), "other") for g, p in _other(seen, periods, expected)]
    best = max((each.sure for each in others), default=0.0)
    if best < max(SURE, share + BETTER):
        return FoundGrid(plain, periods, (0.0, 0.0), share, "expected" if expected and share >= SURE else "unsure")
    equals = [each for each in others if each.sure >= best - BETTER / 2]
    if not expected:
        return max(equals, key=lambda each: each.period)
    return min(equals, key=lambda each: abs(np.log(each.period[1] / periods[1])))


def _shifted(seen: Walk, expected: Grid) -> FoundGrid:
    """As many cells of the expected size, at the place where colours change in step with them."""
    cuts, phases, periods = [], [], []
    for steps, even in zip(seen.both, (expected.rows, expected.columns), strict=True):
        period = steps.side / (len(even) - 1)
        change = _comb(steps, period)
        at = np.angle(change @ np.exp(-2j * np.pi * np.arange(1, steps.side) / period))
        phases.append(float(-at / (2 * np.pi) * period))
        cuts.append(even + phases[-1])
        periods.append(period)
    grid = Grid(*cuts)
    return FoundGrid(grid, (periods[0], periods[1]), (phases[0], phases[1]), on_borders(seen, grid), "shifted")


def _other(
    seen: Walk, periods: tuple[float, float], expected: tuple[int, int] | None
) -> Iterator[tuple[Grid, tuple[float, float]]]:
    """Grids of other periods, in the expected proportion of height to width: rigid, and following the changes."""
    combs = [_comb(steps, period if expected else 8.0) for steps, period in zip(seen.both, periods, strict=True)]
    least, most = (1 / NEAR, NEAR) if expected else (LEAST, MOST)
    least = max(least, LEAST / min(periods))
    for scale in _significant(combs, periods, least, most):
        own = periods[0] * scale, periods[1] * scale
        rigid = Grid(*(_rigid(change, period) for change, period in zip(combs, own, strict=True)))
        yield rigid, own
        if min(own) >= 5 and on_borders(seen, rigid) + BETTER < 1:
            drifting = Grid(*(drifting_cuts(change, period) for change, period in zip(combs, own, strict=True)))
            down, across = (float(np.median(np.diff(cuts))) for cuts in (drifting.rows, drifting.columns))
            yield drifting, (down, across)


def _significant(combs: list[Vector], periods: tuple[float, float], least: float, most: float) -> list[float]:
    """Scales of the expected periods that are significant, and about as much as any: the largest CANDIDATES."""
    step = 1 / (PADDING * max((len(change) + 1) / period for change, period in zip(combs, periods, strict=True)))
    number = np.arange(ceil(1 / most / step) - 2, int(1 / least / step) + 3)
    rate = np.asarray(number * step, dtype=np.float64)
    z = np.zeros_like(rate)
    for change, period in zip(combs, periods, strict=True):
        total = change.sum()
        if total > 0:
            size = round(period / step)
            share = np.abs(np.fft.fft(change, size)) / total
            matter = total**2 / (change**2).sum()
            z += matter * (share[number % size] ** 2 + share[2 * number % size] ** 2) / 2
    enough = max(SIGNIFICANT, ALIKE * z[1:-1].max(initial=0.0))
    peaks = [i for i in range(1, len(z) - 1) if z[i - 1] <= z[i] > z[i + 1] and z[i] >= enough]
    return [1 / _vertex(rate, z, i) for i in peaks[:CANDIDATES]]


def _vertex(rate: Vector, z: Vector, i: int) -> float:
    """Where the parabola through a peak and its neighbours is highest."""
    left, middle, right = z[i - 1 : i + 2]
    return float(rate[i] + (rate[1] - rate[0]) * 0.5 * (left - right) / (left - 2 * middle + right))


def _comb(steps: Steps, period: float) -> Vector:
    """(pixels - 1,) how much more colour changes at each step than around it; strong changes compressed."""
    change = np.sqrt(steps.linear)
    reach = int(np.clip(period / 2, 2, 9))
    if len(change) <= reach:
        return change
    around = np.lib.stride_tricks.sliding_window_view(np.pad(change, reach, mode="reflect"), 2 * reach + 1)
    return np.asarray(np.maximum(0.0, change - np.partition(around, reach // 2, axis=1)[:, reach // 2]))


def _rigid(change: Vector, period: float) -> Vector:
    """Cuts one period apart, in step with the changes; at either end a cell of which half or more is in the picture."""
    side = len(change) + 1
    at = np.angle(change @ np.exp(-2j * np.pi * np.arange(1, side) / period))
    phase = float(-at / (2 * np.pi) * period)
    return phase + period * np.arange(max(1, round((side - phase) / period)) + 1.0)


def _phase(grid: Grid, periods: tuple[float, float]) -> tuple[float, float]:
    down, across = (
        float((cuts[1] + period / 2) % period - period / 2)
        for cuts, period in zip((grid.rows, grid.columns), periods, strict=True)
    )
    return down, across
