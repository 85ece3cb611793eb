"""The scores: by epoch, with their spread over the prompts, and what they are made of."""

from dataclasses import dataclass

from sprite_lora.scoring.score_params import Lost
from stages.report.charts import Chart, Mark, axis, band, line
from stages.report.facts import Facts
from stages.report.words import listed, points


@dataclass(frozen=True)
class Row:
    """One epoch's figures."""

    epoch: int
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
    columns = tuple(dict.fromkeys(name for epoch in facts.epochs for name in epoch.metrics))
    rows = tuple(
        Row(
            epoch.number,
            "selected" if epoch.number == facts.selected.epoch else epoch.label,
            epoch.number == facts.selected.epoch,
            (points(epoch.score), *(figure(epoch.metrics.get(name)) for name in columns)),
        )
        for epoch in facts.epochs
    )
    meanings = tuple((name, field.description or "") for name, field in Lost.model_fields.items())
    return Scores(score_chart(facts), ("score", *columns), rows, meanings)


def figure(value: float | None) -> str:
    """A metric's value, a dash where there is none."""
    return "\N{EN DASH}" if value is None else f"{value:.3f}"


def score_chart(facts: Facts) -> Chart:
    """Score by epoch: mean, each prompt, the span between prompts, and the untouched base as the line to beat."""
    trained = [epoch for epoch in facts.epochs if epoch.number > 0]
    base = next((epoch for epoch in facts.epochs if epoch.number == 0), None)
    each = [(epoch.number, picture.score) for epoch in trained for picture in epoch.pictures.values()]
    means = [(float(epoch.number), epoch.score) for epoch in trained]
    references = [(facts.training_score, f"training sprites {points(facts.training_score)}")]
    if base:
        references.append((base.score, f"untouched base {points(base.score)}"))
    heights = [y for _, y in [*each, *means]] + [y for y, _ in references]
    low, high = min(heights), max(heights)
    across = axis("epoch", trained[0].number, trained[-1].number, steps=10, whole=True)
    up = axis("score, of 10", low, high)
    lower = [(float(e.number), min(p.score for p in e.pictures.values())) for e in trained if e.pictures]
    upper = [(float(e.number), max(p.score for p in e.pictures.values())) for e in trained if e.pictures]

    def place(x: float, y: float, text: str, kind: str) -> Mark:
        return Mark(across.percent(x), round(100 - up.percent(y), 3), text, kind)

    marks = [place(0, y, text, "reference") for y, text in references]
    marks += [place(epoch, score, f"epoch {epoch:g}: {points(score)}", "one") for epoch, score in each]
    marks += [place(epoch, score, f"epoch {epoch:g}: mean {points(score)}", "mean") for epoch, score in means]
    for epoch, score in means:
        if epoch == facts.selected.epoch:
            marks.append(place(epoch, score, f"epoch {epoch:g}, selected: mean {points(score)}", "chosen"))
    told = "; ".join(f"epoch {epoch:g} {points(score)}" for epoch, score in means)
    return Chart(
        title="Score by epoch",
        description=f"Means: {told}. For comparison: {listed(text for _, text in references)}.",
        across=across,
        up=up,
        paths=(("band", band(lower, upper, across, up)), ("mean", line(means, across, up))),
        marks=tuple(marks),
        legend=(("mean", "mean over the prompts"), ("dots", "each prompt"), ("band", "from the lowest to the highest")),
    )
