"""Words that are most likely misspellings of other, frequent words of the same captions."""

from collections import Counter
from collections.abc import Iterator

from rapidfuzz import process
from rapidfuzz.distance import OSA

from sprite_lora.dataset.caption import tags, words
from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.finding import Finding, quote
from sprite_lora.dataset.checks.folders import Folder
from sprite_lora.dataset.checks.pairs import Pair

LEAST = 6
"""Letters. Shorter words that differ in one letter are mostly words of their own: hair, hail, pair."""

TIMES = 5
"""The right word stands in at least so many times as many captions, and in so many at least."""

ENDINGS = {
    "", "s", "es", "d", "ed", "y", "er", "r", "ers", "ish", "ly", "ing", "ings", "n", "en", "ness", "ier", "iest",
    "est", "st", "al", "ous", "ive", "ion", "ions", "able", "ible", "ized", "ise", "ised", "ize", "ful", "less", "like",
    "ured", "oured",
}  # fmt: skip

PREFIXES = ("t", "un", "re", "in", "non", "over", "under")
"""A word and the same with one of these before it are two words: shirt and tshirt, even and uneven."""


def slips_allowed(length: int) -> int:
    """How many slips still count as a misspelling, by letters."""
    return 1 if length < 8 else 2 if length < 9 else 3


def misspelt(counts: Counter[str]) -> dict[str, str]:
    """Word to what it should be, from the number of captions that hold each word. No dictionary is used.

    A rare word a few slips from a word at least TIMES as frequent; a slip is a letter added, left out, changed or
    swapped with its neighbour (optimal string alignment distance). Three slips (undenarth for underneath) count only
    where the first two letters, the last and all letters but one agree. Words that are another with a usual ending
    (curl, curly; bright, brighter) are left alone.
    """
    found = {}
    frequent = [word for word, count in counts.items() if count >= TIMES and len(word) >= LEAST - 1]
    stems = frozenset(word for word, count in counts.items() if count >= TIMES)
    for word, count in sorted(counts.items()):
        if len(word) < LEAST or _derived(word, stems):
            continue
        near = process.extract(word, frequent, scorer=OSA.distance, score_cutoff=slips_allowed(len(word)), limit=8)
        better = [
            (slips, -counts[right], right)
            for right, slips, _ in near
            if counts[right] >= TIMES * count and not inflected(word, right) and (slips < 3 or _framed(word, right))
        ]
        if better:
            found[word] = min(better)[2]
    return found


def _framed(a: str, b: str) -> bool:
    letters, others = Counter(a), Counter(b)
    same = (letters - others).total() <= 1 and (others - letters).total() <= 1
    return same and a[:2] == b[:2] and a[-1] == b[-1]


def _derived(word: str, stems: frozenset[str]) -> bool:
    """Whether a word is a frequent one with a usual ending, which may take the place of a final e."""
    cuts = [(word[:at], word[at:]) for at in range(4, len(word))]
    return any(end in ENDINGS and (stem in stems or f"{stem}e" in stems) for stem, end in cuts)


def inflected(a: str, b: str) -> bool:
    """Whether two words are one stem with different endings, or one is the other with a usual prefix."""
    if any(a == prefix + b or b == prefix + a for prefix in PREFIXES):
        return True
    stem = 0
    while stem < min(len(a), len(b)) and a[stem] == b[stem]:
        stem += 1
    return any(a[at:] in ENDINGS and b[at:] in ENDINGS for at in range(4, stem + 1))


def check_spelling(
    pairs: list[Pair], captions: Folder, corrections: dict[str, str], census: Census
) -> Iterator[Finding]:
    """Every caption that holds one of the misspelt words, with the tag that it stands in.

    `corrections`: misspelt word to what it should be, from `misspelt`.
    """
    if not corrections:
        return
    for pair in pairs:
        if pair.caption is None:
            continue
        for word in sorted(set(words(pair.caption)) & corrections.keys()):
            tag = next((tag for tag in tags(pair.caption) if word in words(tag)), word)
            right = corrections[word]
            message = f"{quote(word)} in {quote(tag, 60)}: {quote(right)} is what {census.words[right]} captions say"
            yield Finding("spelling", captions.shown(pair.stem), message)
