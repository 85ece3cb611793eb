"""Which pair of pictures to show next: the one whose answer tells most about the epochs."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from sprite_lora.results.people import PICTURES_SPREAD, Drawings, Ranking
from sprite_lora.scoring.bradley_terry import information

Pair = tuple[str, str]
"""Hashes of two pictures of one prompt, in order."""

MOST_COMPARED = 4096
"""Pairs whose information is worked out for one choice; of more, so many are drawn at random."""


def all_pairs(drawings: Drawings) -> list[Pair]:
    """Every two different pictures of a prompt, once."""
    found = (pair for pictures in drawings.prompts.values() for pair in combinations(sorted(pictures), 2))
    return list(dict.fromkeys(found))


def most_telling(ranking: Ranking, pairs: Sequence[Pair], generator: np.random.Generator) -> Pair:
    """The pair of `pairs`, one or more, whose answer is expected to tell most; one of the equals at random."""
    if len(pairs) > MOST_COMPARED:
        pairs = [pairs[place] for place in generator.choice(len(pairs), MOST_COMPARED, replace=False)]
    fitted, count = ranking.fitted, ranking.size
    rows, unrated = np.zeros((len(pairs), len(fitted.mean))), np.zeros(len(pairs))
    for number, pair in enumerate(pairs):
        for sign, pixels in zip((1, -1), pair, strict=True):
            rows[number, :count] += sign * ranking.drawings.shares[pixels]
            if pixels in ranking.pictures:
                rows[number, ranking.pictures[pixels]] += sign
            else:
                unrated[number] += PICTURES_SPREAD**2
    towards = rows @ fitted.covariance
    epochs = towards[:, :count]
    explained = (np.linalg.solve(fitted.covariance[:count, :count], epochs.T).T * epochs).sum(axis=1)
    noise = (towards * rows).sum(axis=1) + unrated - explained
    told = information(rows @ fitted.mean, np.maximum(explained, 0), np.maximum(noise, 0))
    best: int = generator.choice(np.flatnonzero(told >= told.max() * (1 - 1e-6)))
    return pairs[best]


def balanced(drawings: Drawings, most: int, generator: np.random.Generator) -> list[Pair]:
    """At most so many pairs in an order that tells much without knowing the answers.

    Each two epochs, each epoch and each prompt come as often as the others, from the first pairs on.
    """
    everything = all_pairs(drawings)
    waiting = [everything[place] for place in generator.permutation(len(everything))[:MOST_COMPARED]]
    seen: Counter[object] = Counter()
    marks = {pair: _marks(drawings, pair) for pair in waiting}
    chosen: list[Pair] = []
    while marks and len(chosen) < most:
        pair = min(marks, key=lambda one: [sum(seen[mark] for mark in group) for group in marks[one]])
        seen.update(mark for group in marks.pop(pair) for mark in group)
        chosen.append(pair)
    return chosen


def _marks(drawings: Drawings, pair: Pair) -> tuple[list[object], ...]:
    """What shall come equally often: the two epochs together, each of them, the prompt."""
    one, other = (tuple(np.flatnonzero(drawings.shares[pixels]).tolist()) for pixels in pair)
    return [frozenset((one, other))], [one, other], [drawings.prompt(*pair)]
