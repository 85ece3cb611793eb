"""The scores: by epoch, with their spread over the prompts, and what they are made of."""

from dataclasses import dataclass

from sprite_lora.lora.epochs import Epoch
from stages.report.charts import Chart, Mark, axis, band, line
from stages.report.facts import Facts, label
from stages.report.words import listed, points


@dataclass(frozen=True)
class Row:
    """One epoch's figures."""

    epoch: Epoch
    label: str
    selected: bool
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """What templates/scores.html shows."""

    chart: Chart
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    meanings: tuple[tuple[str, str], ...]


def scores(facts: Facts) -> Scores:
    """The section with the chart and the table."""
    columns = tuple(dict.fromkeys(name for epoch in facts.scores.epochs for name in epoch.metrics))
    rows = tuple(
        Row(
            epoch.number,
            "selected" if facts.is_selected(epoch) else label(epoch),
            facts.is_selected(epoch),
            (
                points(epoch.score),
                chance(facts.selection.chance(epoch.number)),
                *(figure(epoch.metrics.get(name)) for name in columns),
            ),
        )
        for epoch in facts.scores.epochs
    )
    meanings = tuple((metric.name, metric.cost) for metric in facts.scores.metrics)
    return Scores(score_chart(facts), ("score", "best", *columns), rows, meanings)


def figure(value: float | None) -> str:
    """A metric's value, a dash where there is none."""
    return "\N{EN DASH}" if value is None else f"{value:.3f}"


def chance(value: float | None) -> str:
    """The chance to be the best, a dash where an epoch takes no part."""
    return "\N{EN DASH}" if value is None else f"{value:.0%}"


def score_chart(facts: Facts) -> Chart:
    """Score by epoch: mean, each prompt, the span between prompts, and the untouched base as the line to beat."""
    trained, base, level = facts.scores.trained, facts.scores.base, facts.scores.training.score
    each = [(epoch.number, picture.score) for epoch in trained for picture in epoch.drawn]
    means = [(float(epoch.number), epoch.score) for epoch in trained]
    references = [(level, f"training sprites {points(level)}")]
    if base:
        references.append((base.score, f"untouched base {points(base.score)}"))
    heights = [y for _, y in [*each, *means]] + [y for y, _ in references]
    low, high = min(heights), max(heights)
    across = axis("epoch", trained[0].number, trained[-1].number, steps=10, whole=True)
    up = axis("score, of 10", low, high)
    lower = [(float(e.number), min(p.score for p in e.drawn)) for e in trained]
    upper = [(float(e.number), max(p.score for p in e.drawn)) for e in trained]

    def place(x: float, y: float, text: str, kind: str) -> Mark:
        return Mark(across.percent(x), round(100 - up.percent(y), 3), text, kind)

    marks = [place(0, y, text, "reference") for y, text in references]
    marks += [place(epoch, score, f"epoch {epoch:g}: {points(score)}", "one") for epoch, score in each]
    marks += [place(epoch, score, f"epoch {epoch:g}: mean {points(score)}", "mean") for epoch, score in means]
    for epoch, score in means:
        if epoch == facts.selection.epoch:
            marks.append(place(epoch, score, f"epoch {epoch:g}, selected: mean {points(score)}", "chosen"))
    listing = "; ".join(f"epoch {epoch:g} {points(score)}" for epoch, score in means)
    return Chart(
        title="Score by epoch",
        description=f"Means: {listing}. For comparison: {listed(text for _, text in references)}.",
        across=across,
        up=up,
        paths=(("band", band(lower, upper, across, up)), ("mean", line(means, across, up))),
        marks=tuple(marks),
        legend=(("mean", "mean over the prompts"), ("dots", "each prompt"), ("band", "from the lowest to the highest")),
    )
