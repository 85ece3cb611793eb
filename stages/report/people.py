"""What people prefer, beside the score; and pairs for whoever reads the page to rate."""

import hashlib
from dataclasses import dataclass

import numpy as np

from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.pairs import balanced
from sprite_lora.results.people import Agreement, Drawings
from sprite_lora.results.people import People as Preferences
from stages.report.facts import Facts
from stages.report.words import plural, points, shared_tags, without_tags

MOST_OFFERED = 100
"""Pairs that the page offers: more than most people rate, in 14 KB."""

FEW = 30
"""Answers below which the page says that they are few."""


@dataclass(frozen=True)
class Row:
    """One epoch. `left`, `width` and `middle` place its interval on a bar, in per cent."""

    epoch: Epoch
    selected: bool
    score: str
    points: str
    interval: str
    best: str
    ratings: int
    left: float
    width: float
    middle: float


@dataclass(frozen=True)
class People:
    """What templates/people.html shows."""

    rows: tuple[Row, ...]
    """Best first; empty where nobody rated a pair."""
    said: tuple[str, ...]
    offered: dict[str, object] | None
    """What templates/rater.js reads; None where there is nothing to compare."""


def people(facts: Facts) -> People:
    """The section with the ranking and the pairs to rate."""
    known = facts.selection.people
    if known is None:
        return People((), ("Nobody has rated pairs of these pictures yet.",), _offered(facts))
    scores = {epoch.number: epoch.score for epoch in facts.scores.trained}
    rows = tuple(
        Row(
            epoch=each.epoch,
            selected=each.epoch == facts.selection.epoch,
            score=points(scores[each.epoch]),
            points=points(each.points),
            interval=f"{points(each.low)} to {points(each.high)}",
            best=f"{each.best:.0%}",
            ratings=each.ratings,
            left=round(10 * each.low, 1),
            width=round(10 * (each.high - each.low), 1),
            middle=round(10 * each.points, 1),
        )
        for each in sorted(known.epochs, key=lambda each: (-each.points, each.epoch))
        if each.epoch in scores
    )
    return People(rows, tuple(_said(known)), _offered(facts))


def _said(known: Preferences) -> list[str]:
    found = [
        f"{plural(known.ratings, 'answer')} of {plural(known.raters, 'person', 'people')}"
        + (", few so far: mind the intervals." if known.ratings < FEW else ".")
        + (
            f" They weigh {known.weight:.0%} in the selection (select.people)."
            if known.weight
            else " They have no weight in the selection: select.people is 0."
        )
    ]
    return [*found, _agreement(known.agreement)] if known.agreement else found


def _agreement(agreement: Agreement) -> str:
    said = (
        f"Score and people agree on {agreement.share:.0%} of the {plural(agreement.pairs, 'pair')} that people decided "
        f"(90% interval {agreement.low:.0%} to {agreement.high:.0%}; 50% is chance)."
    )
    if agreement.correlation is None:
        return said
    return f"{said} Rank correlation of the epochs: {agreement.correlation:.2f}."


def _offered(facts: Facts) -> dict[str, object] | None:
    drawings = Drawings(facts.scores.trained)
    pairs = balanced(drawings, MOST_OFFERED, np.random.default_rng(0))
    if not pairs:
        return None
    shared = shared_tags(list(facts.prompts.values()))
    texts = {name: without_tags(text, shared) for name, text in facts.prompts.items()}
    run = hashlib.sha256("".join(sorted(drawings.shares)).encode()).hexdigest()[:16]
    return {"run": run, "prompts": texts, "pairs": [[*pair, drawings.prompt(*pair)] for pair in pairs]}
