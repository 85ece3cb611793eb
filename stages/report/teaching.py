"""What the set teaches: which attributes its captions name, how long they are, how many colours its sprites have."""

from collections.abc import Mapping
from dataclasses import dataclass

from sprite_lora.results.validation import Histogram, TokenHistogram
from stages.report.facts import Facts
from stages.report.words import number, plural


@dataclass(frozen=True)
class Row:
    """One value, and how often it is there."""

    name: str
    share: float
    """Of the most frequent one, in per cent."""
    count: int


@dataclass(frozen=True)
class Tally:
    """Values and their counts."""

    title: str
    note: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Teaching:
    """What templates/teaching.html shows."""

    summary: str
    everywhere: tuple[str, ...]
    tables: tuple[Tally, ...]


def teaching(facts: Facts) -> Teaching:
    """The section on what was trained on, from the counts of `validate`."""
    seen = facts.validation.overview
    pairs = seen.pairs
    attributes = tuple(
        tally(name, found.values, _captions(found.captions, found.different, len(found.values)))
        for name, found in seen.attributes.items()
    )
    tokens, palette = seen.tokens, seen.palette
    shapes = (
        tally("background as drawn", seen.backgrounds_drawn, "the nearest named colour of the sprite's rim"),
        tally("CLIP tokens of a caption", tokens.histogram, _spread(tokens) + _limit(tokens)),
        tally("colours of a sprite", palette.histogram, _spread(palette)),
    )
    return Teaching(
        summary=(
            f"{plural(pairs, 'sprite')}. What captions name often, and in many values, is learnt; "
            "what they name once or twice is hardly learnt at all."
        ),
        everywhere=tuple(tag for tag, count in seen.tags.items() if count == pairs > 1),
        tables=tuple(table for table in (*attributes, *shapes) if table.rows),
    )


def tally(title: str, counts: Mapping[str, int], note: str) -> Tally:
    """Counts as rows, in the order given; bars are relative to the largest."""
    most = max(counts.values(), default=1) or 1
    return Tally(title, note, tuple(Row(name, round(100 * n / most, 1), n) for name, n in counts.items()))


def _captions(captions: int, different: int, shown: int) -> str:
    more = f", the {shown} most frequent" if different > shown else ""
    return f"in {plural(captions, 'caption')}; {plural(different, 'value')}{more}"


def _spread(found: Histogram) -> str:
    if found.least is None or found.median is None or found.most is None:
        return ""
    return f"{number(found.least)} to {number(found.most)}, median {number(found.median)}"


def _limit(tokens: TokenHistogram) -> str:
    return f"; {tokens.limit} are read" if tokens.limit else ""
