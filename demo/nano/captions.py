"""Captions for the smooth portraits: the tags of a persona, varied as people vary them.

No tag of the pixel-art world occurs. Words drawn at random from CLIP's vocabulary stand in for everything that a
prompt may say and that the model has never seen, so that such words neither help nor harm.
"""

import re
from collections.abc import Iterable
from random import Random

from demo.portraits.persona import Persona, description, subject

EMPTY = 0.12  # Share of empty captions, for classifier-free guidance.
DROPPED = 0.12  # Share of tags left out.
STRANGE = 0.5  # Share of captions with strange words in them.


def strange_words(vocabulary: Iterable[str], known: str) -> list[str]:
    """Whole words of CLIP's vocabulary, less those that the captions use themselves."""
    own = set(re.findall(r"[a-z]+", known))
    words = (token.removesuffix("</w>") for token in sorted(vocabulary) if token.endswith("</w>"))
    return [word for word in words if re.fullmatch(r"[a-z]{3,12}|[0-9]{1,2}", word) and word not in own]


def varied(someone: Persona, rng: Random, strange: list[str]) -> tuple[str, list[str]]:
    """One caption out of the many that fit a persona, and the tags of the description that it kept."""
    if rng.random() < EMPTY:
        return "", []
    tags = [_reworded(tag, rng) for tag in description(someone).split(", ") if rng.random() > DROPPED]
    if rng.random() < 0.6:
        rng.shuffle(tags)
    opening = rng.choice([subject(someone), subject(someone), f"portrait of a {someone.kind}", someone.kind, ""])
    odd = rng.random() < STRANGE
    before = _phrases(rng, strange, 2) if odd else []
    after = _phrases(rng, strange, 3) if odd else []
    return ", ".join(filter(None, [*before, opening, *tags, *after])), tags


def facts(tags: list[str]) -> set[str]:
    """What the tags say, as `word|noun` pairs: `purple long hair` says `purple|hair` and `long|hair`."""
    said = set()
    for tag in tags:
        *words, noun = tag.split()
        said |= {f"{word}|{noun}" for word in words or ["some"]}
    return said


def _reworded(tag: str, rng: Random) -> str:
    """`solid green background` is also `green solid background` and `green background`."""
    words = tag.split()
    if words[-1] != "background" or rng.random() < 0.5:
        return tag
    kind, colour, _ = words
    if kind == "solid" and rng.random() < 0.5:
        return f"{colour} background"
    return f"{colour} {kind} background"


def _phrases(rng: Random, words: list[str], most: int) -> list[str]:
    """Up to `most` phrases of one to four words."""
    return [" ".join(rng.choices(words, k=rng.randint(1, 4))) for _ in range(rng.randint(0, most))]
