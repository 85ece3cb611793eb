"""Words that are most likely misspellings of other, frequent words of the same captions."""

from collections import Counter

from rapidfuzz import process
from rapidfuzz.distance import OSA

LEAST = 6
"""Letters. Shorter words that differ in one letter are mostly words of their own: hair, hail, pair."""

RARE = 0.02
"""A misspelling stands in at most this share of the captions (or in one) ..."""

TIMES = 5
"""... and the right word in at least so many times as many."""


def misspelt(counts: Counter[str]) -> dict[str, str]:
    """Word to what it should be, from the number of captions that hold each word. No dictionary is used.

    A rare word within one slip (two from 8 letters on) of a word at least TIMES as frequent; a slip is a letter added,
    left out, changed or swapped with its neighbour (optimal string alignment distance). Inflections (shirt, shirts;
    curl, curly) are left alone.
    """
    found = {}
    frequent = [word for word, count in counts.items() if count >= TIMES and len(word) >= LEAST - 1]
    for word, count in sorted(counts.items()):
        if len(word) < LEAST:
            continue
        slips = 1 if len(word) < 8 else 2
        near = process.extract(word, frequent, scorer=OSA.distance, score_cutoff=slips, limit=8)
        better = [right for right, _, _ in near if counts[right] >= TIMES * count and not inflected(word, right)]
        if better:
            found[word] = min(better, key=lambda right: (OSA.distance(word, right), -counts[right], right))
    return found


ENDINGS = ("", "s", "es", "d", "ed", "y", "er", "r", "ish", "ly", "ing", "n", "en", "ness", "ier", "est", "st")


def inflected(a: str, b: str) -> bool:
    """Whether two words are one stem with different endings."""
    stem = 0
    while stem < min(len(a), len(b)) and a[stem] == b[stem]:
        stem += 1
    return stem >= 3 and a[stem:] in ENDINGS and b[stem:] in ENDINGS
