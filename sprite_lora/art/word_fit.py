"""How well colour words fit colours, many at once."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import BASIC, NAMED, Region

WORDS = tuple(NAMED)

SOFTNESS = 0.01
"""OKLab distance: how much nearer another word may be until a word fits by 1/e only."""

OWN = 0.02
"""OKLab distance from a word's region at which another word has a colour of its own, and is no shade of it."""


def word_distances(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(colours, 3) OKLab to (colours, words): to the nearest colour that bears each of WORDS, as `name_distance`."""
    return np.stack([np.min([_to(region, lab) for region in NAMED[word]], axis=0) for word in WORDS], axis=1)


def word_fits(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(colours, 3) OKLab to (colours, words): 1 where no rival of the word is nearer, falling to 0 where one is.

    exp(-(excess / SOFTNESS)^2), excess being how much further the colour lies from the word than from its nearest
    rival. The distance to the word alone won't do: a pale grey is near to a pale blue.
    """
    distances = word_distances(lab)
    nearest = np.stack([distances[:, rivals(number)].min(axis=1) for number in range(len(WORDS))], axis=1)
    return np.asarray(np.exp(-((np.maximum(distances - nearest, 0) / SOFTNESS) ** 2)))


@cache
def rivals(number: int) -> tuple[int, ...]:
    """Which of WORDS are held against one: those whose own colour it does not bear, and the basic ones."""
    regions = NAMED[WORDS[number]]

    def own(word: str) -> bool:
        centres = (region.centre for region in NAMED[word])
        return all(min(region.distance(centre) for region in regions) > OWN for centre in centres)

    basic = () if WORDS[number] in BASIC else BASIC
    return tuple(place for place, word in enumerate(WORDS) if place != number and (word in basic or own(word)))


def _to(region: Region, lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """`Region.distance` of many colours."""
    light, a, b = lab.T
    off = light - np.clip(light, *region.lightness)
    start, end = region.hue
    chroma = np.hypot(a, b)
    inside = (np.degrees(np.arctan2(b, a)) - start) % 360 <= end - start
    straight = chroma - np.clip(chroma, *region.chroma)
    sides = []
    for hue in np.radians(region.hue):
        foot = np.clip(a * np.cos(hue) + b * np.sin(hue), *region.chroma)
        sides.append(np.hypot(a - foot * np.cos(hue), b - foot * np.sin(hue)))
    return np.asarray(np.hypot(off, np.where(inside, straight, np.min(sides, axis=0))))
