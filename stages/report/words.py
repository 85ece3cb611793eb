"""Figures as one reads them, with their units."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Figure:
    """A number with its name, its unit and what it is measured against."""

    name: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """A small word beside a picture, and the sentence that explains it."""

    text: str
    title: str
    kind: str = "warning"


def points(value: float) -> str:
    """A score or a difference of scores: two decimals."""
    return f"{value:.2f}"


def signed(value: float) -> str:
    """A difference with its sign, a true minus for negative ones."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def size(count: int) -> str:
    """Bytes in binary units with three figures: 36.1 MiB."""
    power = 0
    value = float(count)
    while value >= 1000 and power < len(UNITS) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.3g} {UNITS[power]}"


def number(count: float) -> str:
    """A count with thin spaces between thousands; what is not whole keeps four figures."""
    text = f"{count:,}" if count == int(count) else f"{count:.4g}"
    return text.removesuffix(".0").replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def shared_tags(texts: Sequence[str]) -> tuple[str, ...]:
    """The comma tags that all of several prompts hold, in the first one's order; none where there is one prompt."""
    if len(texts) < 2:
        return ()
    sets = [set(_tags(text)) for text in texts]
    return tuple(dict.fromkeys(tag for tag in _tags(texts[0]) if all(tag in tags for tags in sets)))


def without_tags(text: str, left_out: Iterable[str]) -> str:
    """A prompt less some of its comma tags; the whole prompt where nothing would remain."""
    skip = set(left_out)
    return ", ".join(tag for tag in _tags(text) if tag not in skip) or text


def _tags(text: str) -> list[str]:
    return [tag for part in text.split(",") if (tag := re.sub(r"\s+", " ", part.strip()))]
