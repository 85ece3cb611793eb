"""What the set teaches: which attributes how often, how long the captions are, how large the palettes."""

from collections import Counter, defaultdict
from statistics import median
from typing import Any

from sprite_lora.art.colour import nearest_name
from sprite_lora.dataset.checks.census import Census, head
from sprite_lora.dataset.checks.pairs import Pair

MOST = 12
"""Values listed of one attribute, tags listed of the set."""

ATTRIBUTE_SHARE = 0.05
"""A tag's last word names an attribute when this share of the captions have such a tag."""


def overview(pairs: list[Pair], census: Census, limit: int | None) -> dict[str, Any]:
    """Attributes by frequency, token histogram, palette sizes; small, whatever the size of the set.

    `limit` is train.max_token_length. An attribute is the last word of a tag, its values the words before it:
    `blonde hair` and `long black hair` are two values of `hair`.
    """
    backgrounds = Counter(
        nearest_name((pair.background >> 16, pair.background >> 8 & 255, pair.background & 255))
        for pair in pairs
        if pair.background >= 0
    )
    colours = [pair.colours for pair in pairs if pair.colours]
    return {
        "pairs": len(pairs),
        "tags": dict(census.tags.most_common(MOST)),
        "attributes": _attributes(census.tags, census.captions),
        "backgrounds_drawn": dict(backgrounds.most_common()),
        "tokens": {**_histogram([pair.tokens for pair in pairs if pair.tokens is not None], 25), "limit": limit},
        "palette": _histogram(colours, 4),
    }


def _attributes(holders: Counter[str], captions: int) -> dict[str, dict[str, Any]]:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for tag, count in holders.items():
        rest = tag.removesuffix(head(tag)).strip()
        if rest:
            groups[head(tag)][rest] += count
    ranked = sorted(groups.items(), key=lambda group: (-group[1].total(), group[0]))
    return {
        last: {"captions": values.total(), "values": dict(values.most_common(MOST)), "different": len(values)}
        for last, values in ranked[:MOST]
        if values.total() >= ATTRIBUTE_SHARE * captions and (len(values) > 1 or values.total() < captions)
    }


def _histogram(values: list[int], step: int) -> dict[str, Any]:
    if not values:
        return {"least": None, "median": None, "most": None, "histogram": {}}
    bins = Counter(value // step * step for value in values)
    return {
        "least": min(values),
        "median": median(values),
        "most": max(values),
        "histogram": {f"{start}-{start + step - 1}": bins[start] for start in range(min(bins), max(bins) + 1, step)},
    }
