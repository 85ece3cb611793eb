"""Line charts as values in per cent of the plot area; templates/chart.html draws them.

Per cent, so that text keeps its size while the lines stretch with the page, from a phone to a wide screen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high`."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Where the axis is marked (per cent) and with what text."""

    def percent(self, value: float) -> float:
        """Where a value lies on the axis, 0 to 100; values beyond its ends lie at its ends."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 3)


@dataclass(frozen=True)
class Mark:
    """A point with words: a dot, a reference line (drawn across the plot) or a label."""

    left: float
    top: float
    text: str
    kind: str


@dataclass(frozen=True)
class Chart:
    """All that the template draws. `paths` are (css class, SVG path data in a 100 x 100 box)."""

    title: str
    description: str
    across: Axis
    up: Axis
    paths: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    """(css class, text) pairs."""
    low: bool = False
    """Drawn at half the height."""


def axis(label: str, low: float, high: float, steps: int = 5, whole: bool = False) -> Axis:
    """An axis that covers low to high and begins and ends at round numbers: multiples of 1, 2 or 5 x 10^n."""
    step = _round_step((high - low) / steps if high > low else abs(high) or 1.0)
    step = max(1.0, step) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    bare = Axis(label, first * step, last * step, ())
    ticks = tuple((bare.percent(n * step), short(n * step)) for n in range(first, last + 1))
    return Axis(label, bare.low, bare.high, ticks)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def short(value: float) -> str:
    """A number as one writes it at an axis: 0.25, 1200, 5e-5."""
    if value != 0 and abs(value) < 1e-3:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.6g}"


def line(points: Points, across: Axis, up: Axis) -> str:
    """SVG path data of a line through (x, y) points."""
    corners = [f"{across.percent(x):g} {100 - up.percent(y):g}" for x, y in points]
    return "M" + "L".join(corners) if corners else ""


def band(lower: Points, upper: Points, across: Axis, up: Axis) -> str:
    """SVG path data of the area between two lines."""
    return line([*upper, *reversed(lower)], across, up) + "Z" if upper else ""


def thinned(points: Points, most: int) -> Points:
    """At most `most` points that draw the same picture: the lowest and the highest of each stretch, in their order."""
    if len(points) <= most:
        return points
    kept: list[tuple[float, float]] = []
    stretches = most // 2
    for n in range(stretches):
        stretch = points[n * len(points) // stretches : (n + 1) * len(points) // stretches]
        ends = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
        kept.extend(sorted(ends))
    return kept


def running_mean(points: Points, window: int) -> Points:
    """Each y replaced by the mean of the last `window` ys (of as many as there are, at the beginning)."""
    sums = [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
    means = []
    for n, (x, _) in enumerate(points, start=1):
        first = max(0, n - window)
        means.append((x, (sums[n] - sums[first]) / (n - first)))
    return means
