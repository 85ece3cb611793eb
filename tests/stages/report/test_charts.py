"""Axes, lines and means of the charts."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.report.charts import Axis, axis, band, line, running_mean, short, thinned

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(NUMBERS, NUMBERS)
def test_axis_covers_its_values_in_few_round_steps(one, other):
    low, high = sorted((one, other))
    found = axis("y", low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert found.low <= low + slack
    assert found.high >= high - slack
    assert 2 <= len(found.ticks) <= 8
    assert found.ticks[0][0] == 0
    assert found.ticks[-1][0] == 100


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 1e-4, ["0", "2e-5", "4e-5", "6e-5", "8e-5", "1e-4"]),
        (2.4, 9.2, ["2", "4", "6", "8", "10"]),
        (0, 0.3, ["0", "0.1", "0.2", "0.3"]),
    ],
)
def test_ticks_are_what_one_would_write(low, high, texts):
    assert [text for _, text in axis("y", low, high).ticks] == texts


def test_whole_axis_has_no_half_epochs():
    assert [text for _, text in axis("epoch", 1, 3, steps=10, whole=True).ticks] == ["1", "2", "3"]
    assert [text for _, text in axis("epoch", 1, 1, steps=10, whole=True).ticks] == ["1", "2"]


def test_line_and_band_are_in_per_cent_from_the_top():
    across, up = Axis("x", 0, 10, ()), Axis("y", 0, 4, ())
    assert line([(0, 0), (5, 1), (10, 4)], across, up) == "M0 100L50 75L100 0"
    assert band([(0, 0), (10, 0)], [(0, 4), (10, 2)], across, up) == "M0 0L100 50L100 100L0 100Z"
    assert line([(20, 9)], across, up) == "M100 0", "beyond the axis is at its end"
    assert line([], across, up) == ""


@given(st.lists(NUMBERS, min_size=1, max_size=50), st.integers(1, 60))
def test_running_mean_is_the_mean_of_the_last_ones(values, window):
    points = list(enumerate(values))
    expected = [np.mean(values[max(0, n + 1 - window) : n + 1]) for n in range(len(values))]
    found = running_mean(points, window)
    assert [x for x, _ in found] == list(range(len(values)))
    assert [y for _, y in found] == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(st.lists(NUMBERS, min_size=1, max_size=300))
def test_thinned_keeps_order_extremes_and_the_limit(values):
    points = list(enumerate(values))
    kept = thinned(points, 20)
    assert len(kept) <= max(20, len(points) if len(points) <= 20 else 0)
    assert list(kept) == sorted(set(kept))
    assert set(kept) <= set(points)
    assert max(y for _, y in kept) == max(values)
    assert min(y for _, y in kept) == min(values)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (2.5e-5, "2.5e-5"), (1200, "1200"), (-0.25, "-0.25")])
def test_short(value, text):
    assert short(value) == text
    assert re.fullmatch(r"-?[\d.]+(e-?\d+)?", text)
