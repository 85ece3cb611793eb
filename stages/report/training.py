"""How the training went: the plan, the loss, the learning rates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.plan import Plan
from stages.report.charts import Axis, Chart, Mark, Points, axis, line, running_mean, thinned
from stages.report.facts import Facts
from stages.report.words import Figure, number, plural, size

MOST_POINTS = 600
"""A line of more points is drawn through the extremes of as many stretches."""

LARGEST = 1e100
"""Values from here on are not drawn."""

KINDS = ("mean", "second", "third")


@dataclass(frozen=True)
class Training:
    """What templates/training.html shows."""

    plan: tuple[Figure, ...]
    charts: tuple[Chart, ...]
    notes: tuple[str, ...]


def training(facts: Facts) -> Training:
    """The section with the plan and the curves."""
    charts, notes = [], []
    per_epoch = facts.plan.steps_per_epoch
    series = {name: epochs_of(points, per_epoch) for name, points in facts.series.items()}
    across = axis("epoch", 0, max((x for points in series.values() for x, _ in points), default=1), 10, whole=True)
    losses = {name: points for name, points in series.items() if "loss" in name}
    rates = {name: shown for name, points in series.items() if name.startswith("lr/") and (shown := drawable(points))}
    for name, points in losses.items():
        finite = drawable(points)
        if len(finite) < len(points):
            notes.append(
                f"{plural(len(points) - len(finite), 'step')} had no finite {name}; the chart leaves them out."
            )
        if finite:
            charts.append(loss_chart(name, finite, per_epoch, across, facts.selection.epoch))
    if losses:
        notes.append(
            "The loss depends mostly on which noise level each step drew at random, so its height says little about "
            "the pictures. It did not choose the epoch; it is here to show that training ran and did not diverge."
        )
    if rates:
        charts.append(rate_chart(rates, across))
    return Training(figures(facts.plan), tuple(charts), tuple(notes))


def drawable(points: Points) -> Points:
    """Points without infinity, NaN and numbers whose sum would be infinite."""
    return tuple(point for point in points if abs(point[1]) < LARGEST)


def figures(plan: Plan) -> tuple[Figure, ...]:
    """The plan of `validate`, as figures."""
    return (
        Figure("Pictures", number(plan.pictures)),
        Figure("Repeats", number(plan.num_repeats)),
        Figure("Pictures per step", number(plan.batch)),
        Figure("Steps per epoch", number(plan.steps_per_epoch)),
        Figure("Epochs", number(plan.epochs)),
        Figure("Steps", number(plan.steps)),
        Figure("LoRA weights", number(plan.lora_parameters)),
        Figure("Checkpoints", number(plan.checkpoints), f"of {size(plan.checkpoint_bytes)}"),
    )


def epochs_of(points: Points, per_epoch: int) -> tuple[tuple[float, float], ...]:
    """Steps counted in epochs."""
    return tuple((step / per_epoch, value) for step, value in points)


def loss_chart(name: str, points: Points, per_epoch: int, across: Axis, selected: Epoch) -> Chart:
    """The raw loss faint, its running mean over the last epoch's steps on top."""
    smooth = running_mean(points, per_epoch)
    # One wild step must not flatten the rest: the axis ends at what 99 % of the steps and the mean stay below.
    ranked = sorted(y for _, y in points)
    high = max(ranked[math.ceil(0.99 * len(ranked)) - 1], *(y for _, y in smooth))
    up = axis(name, 0, high)
    beyond = sum(y > up.high for y in ranked)
    first, last = smooth[min(per_epoch, len(smooth)) - 1][1], smooth[-1][1]
    return Chart(
        title=f"Training {name}",
        description=f"Mean over the first epoch: {first:.4g}; over the last: {last:.4g}.",
        across=across,
        up=up,
        paths=(
            ("raw", line(thinned(points, MOST_POINTS), across, up)),
            ("mean", line(thinned(smooth, MOST_POINTS), across, up)),
        ),
        marks=(Mark(across.percent(selected), 0, f"epoch {selected:g}, selected", "moment"),),
        legend=(
            ("raw", "each step" + (f" ({beyond} beyond the axis)" if beyond else "")),
            ("mean", f"mean of the last {plural(per_epoch, 'step')} (one epoch)"),
        ),
    )


def rate_chart(rates: Mapping[str, Points], across: Axis) -> Chart:
    """The learning rates as they were applied."""
    up = axis("learning rate", 0, max(y for points in rates.values() for _, y in points))
    paths = [
        (kind, line(thinned(points, MOST_POINTS), across, up))
        for kind, points in zip(KINDS, rates.values(), strict=False)
    ]
    listing = "; ".join(
        f"{name.removeprefix('lr/')} at most {max(y for _, y in points):.3g}" for name, points in rates.items()
    )
    return Chart(
        title="Learning rates",
        description=f"{listing}.",
        across=across,
        up=up,
        paths=tuple(paths),
        legend=tuple((kind, name.removeprefix("lr/")) for kind, name in zip(KINDS, rates, strict=False)),
        low=True,
    )
