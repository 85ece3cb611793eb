"""What captions name: things, and the words that say how they are. `wearing dark red glasses` is glasses, dark, red."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sprite_lora.art.colour import canonical_name
from sprite_lora.dataset.caption import tags, words

BRACKETS = re.compile(r"\([^()]*\)?")

ENDS = frozenset({"with", "in", "on", "of", "from", "that", "is", "like", "next", "at", "over", "under", "for", "by"})
"""What follows one of these says more about the thing before."""

JOINS = frozenset({"a", "an", "the", "and", "to", "or", "but", "wearing", "has", "her", "his", "its", "it", "not"})
"""Words that say nothing about a thing."""

COMMON = 0.9
"""Share of the captions from which a phrase belongs to the style, not to the sprite."""


@dataclass(frozen=True)
class Phrase:
    """One tag's part that names something."""

    text: str
    """As written, in lower case."""
    words: tuple[str, ...]
    """Without words that say nothing; colours under the names that `art.colour.NAMED` holds. The last is the noun."""


@dataclass(frozen=True)
class Named:
    """A thing that a caption names."""

    thing: str
    text: str
    """As written: `dark red glasses`."""
    how: tuple[str, ...]
    """The words before it."""

    @property
    def colours(self) -> tuple[str, ...]:
        """Those of `how` that name a colour."""
        return tuple(word for word in self.how if canonical_name(word))


def phrases(caption: str) -> list[Phrase]:
    """Each tag up to the first word of ENDS, brackets left out; empty ones left out."""
    found = []
    for tag in tags(BRACKETS.sub(" ", caption)):
        listed: list[str] = []
        for word in words(tag.replace("-", " ")):
            if word in ENDS:
                break
            listed.append(word)
        useful = tuple(canonical_name(word) or word for word in listed if word not in JOINS)
        if useful:
            found.append(Phrase(" ".join(word for word in listed if word != "wearing"), useful))
    return found


def nouns(captions: Sequence[str], least: int) -> tuple[str, ...]:
    """What at least `least` of the captions name, the most frequent first; phrases of the style left out."""
    read = [phrases(caption) for caption in captions]
    style = _style(read)
    counted = Counter(
        word
        for listed in read
        for word in {phrase.words[-1] for phrase in listed if phrase.words not in style}
        if not canonical_name(word)
    )
    ranked = sorted(counted, key=lambda word: (-counted[word], word))
    return tuple(word for word in ranked if counted[word] >= least)


def style_phrases(captions: Sequence[str]) -> frozenset[tuple[str, ...]]:
    """The words of phrases that stand in nearly all captions: trigger and style."""
    return _style([phrases(caption) for caption in captions])


def _style(read: Sequence[Sequence[Phrase]]) -> frozenset[tuple[str, ...]]:
    counted = Counter(words_ for listed in read for words_ in {phrase.words for phrase in listed})
    return frozenset(words_ for words_, number in counted.items() if number >= COMMON * len(read))


def named(caption: str, things: Sequence[str]) -> dict[str, Named]:
    """The things that a caption names; the first phrase of each counts.

    Of several `things` in a phrase the first listed counts: `medium skin tone` is skin where more captions name skin.
    """
    rank, found = {thing: place for place, thing in enumerate(things)}, dict[str, Named]()
    for phrase in phrases(caption):
        if known := [word for word in phrase.words if word in rank]:
            thing = min(known, key=rank.__getitem__)
            found.setdefault(thing, Named(thing, phrase.text, phrase.words[: phrase.words.index(thing)]))
    return found


def not_known(caption: str, things: Sequence[str], style: frozenset[tuple[str, ...]]) -> list[str]:
    """The phrases of a caption that name none of `things` and are no style, as written."""
    known = set(things)
    return [
        phrase.text for phrase in phrases(caption) if phrase.words not in style and not known.intersection(phrase.words)
    ]
