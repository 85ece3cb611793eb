"""What can be checked of one thing: its colour, how else it is, and whether it is there.

Each check gives evidence, 0 to 1, and says what evidence is worth by sprites that were left out: those whose captions
say so against those whose captions say otherwise.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.word_fit import WORDS, rivals
from sprite_lora.scoring.things.places import Array, Fits

LEAST = 8
"""Sprites that must name a thing, or say the same of it, before anything is learned of it."""

FOLDS = 5
"""Parts of the set that are left out in turn."""

CHANCE = 0.05
"""Lift of the evidence at a place below which it may be chance."""

DOUBT = 0.02
"""Likeness added to both sides of a comparison, so that a colour that no sprite has there says nothing."""

SEEN = 0.8
"""Share of left-out sprites that evidence must put in the right order (AUC) for a check to be used."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Worth:
    """What evidence is worth: the chance that the sprite's caption says so, both being equally frequent."""

    evidence: NDArray[np.float64]
    """Rising."""
    chance: NDArray[np.float64]
    """0 to 1, never falling."""
    order: float
    """Share of pairs of left-out sprites in the right order (AUC), 0.5 = by chance."""

    def of(self, evidence: float) -> float:
        """The chance that a picture with this evidence shows what is asked."""
        return float(np.interp(evidence, self.evidence, self.chance))


def worth(yes: NDArray[np.floating], no: NDArray[np.floating]) -> Worth | None:
    """From the evidence of left-out sprites that do and do not show it; None where that is too little or no help.

    Two kernel density estimates on one scale, their ratio made to rise with the evidence.
    """
    if len(yes) < LEAST or len(no) < LEAST:
        return None
    order = float(np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no)))
    if order < SEEN:
        return None
    both = np.concatenate([yes, no])
    grid = np.linspace(both.min(), both.max(), 101)
    width = max(0.02, 0.35 * float(both.std()))
    dense = [np.exp(-((grid[:, None] - one) ** 2) / (2 * width**2)).mean(axis=1) + 1e-3 for one in (yes, no)]
    return Worth(grid, np.maximum.accumulate(dense[0] / (dense[0] + dense[1])), order)


def where(lift: Array) -> Array:
    """(places,) lift of the evidence at each place to weights whose sum is 1; all 0 where no place has any."""
    weights = np.maximum(lift - CHANCE, 0, dtype=np.float32) ** 2
    return np.asarray(weights / max(float(weights.sum()), 1e-9))


@dataclass(frozen=True)
class ColourCheck:
    """Of what colour a thing is: how well the word fits, over the places where it fits sprites that have it."""

    where: Array
    """(places,) weights, sum 1."""
    worth: Worth

    def of(self, fits: Fits) -> Array:
        """(words,) evidence for each colour word of one picture."""
        return np.asarray(fits.over(self.where)[0])


def learn_colour(asked: Array, fits: Fits) -> ColourCheck | None:
    """`asked` is (sprites, words): 1 where the caption gives the thing that colour. None where it can't be seen.

    A place counts by how much better the own word fits there than the words of the others do.
    """
    some: Flags = np.asarray(asked.any(axis=1))
    if some.sum() < 2 * LEAST:
        return None
    own = np.where(some[:, None], asked / np.maximum(asked.sum(axis=1, keepdims=True), 1), 0)
    fold = np.arange(len(asked)) % FOLDS
    own_fit = fits.at(own)
    yes: list[float] = []
    no: list[float] = []
    frequent = asked[some].mean(axis=0) >= 0.02

    def places_of(kept: Flags) -> Array:
        usual = asked[kept].mean(axis=0)
        return where((own_fit[kept] - fits.at(usual / usual.sum())[kept]).mean(axis=0))

    for number in range(FOLDS):
        weights = places_of(some & (fold != number))
        left = np.flatnonzero(some & (fold == number))
        for mine, found in zip(asked[left] > 0, Fits(fits.colour[left], fits.table).over(weights), strict=True):
            yes.append(float(found[mine].max()))
            no += found[_others(mine) & frequent].tolist()
    weights = places_of(some)
    value = worth(np.array(yes), np.array(no))
    return ColourCheck(weights, value) if value and weights.any() else None


def _others(mine: Flags) -> Flags:
    """The words that are no shade of any of these."""
    other = np.ones(len(WORDS), dtype=bool)
    for number in np.flatnonzero(mine):
        apart = np.zeros(len(WORDS), dtype=bool)
        apart[list(rivals(int(number)))] = True
        other &= apart
    return other


@dataclass(frozen=True)
class ExampleCheck:
    """Whether a picture resembles the sprites that have something more than those that have not, place by place."""

    where: Array
    """(places,) weights, sum 1."""
    having: Flags
    """(sprites,)"""
    lacking: Flags
    """(sprites,)"""
    worth: Worth

    def of(self, alike: Array) -> float:
        """Evidence of one picture, from its `likeness` to the sprites, (1, sprites, places)."""
        used = np.flatnonzero(self.where)
        found = alike[0][:, used]
        having, lacking = found[self.having].mean(axis=0) + DOUBT, found[self.lacking].mean(axis=0) + DOUBT
        return float(self.where[used] @ (having / (having + lacking)))


class _Sums(NamedTuple):
    """Of the likeness to the sprites of one side."""

    total: Array
    """(sprites, places)"""
    number: int

    def mean(self, itself: Flags) -> Array:
        """Without the likeness of a sprite to itself, where it belongs to this side."""
        own = itself[:, None].astype(np.float32)
        return np.asarray((self.total - own) / np.maximum(self.number - own, 1))


def learn_examples(having: Flags, lacking: Flags, alike: Array) -> ExampleCheck | None:
    """`alike` is the sprites' `likeness` to one another, (sprites, sprites, places). None where it can't be seen."""
    if having.sum() < LEAST or lacking.sum() < LEAST:
        return None
    fold = np.arange(len(having)) % FOLDS
    rows = alike.reshape(len(alike), -1)

    def fitted(kept: Flags) -> tuple[Array, Array]:
        """The places, and each sprite's evidence."""
        sides = [
            _Sums(((side & kept).astype(np.float32) @ rows).reshape(alike.shape[1:]), int((side & kept).sum()))
            for side in (having, lacking)
        ]
        mine, other = (sum_.mean(side & kept) + DOUBT for sum_, side in zip(sides, (having, lacking), strict=True))
        share = mine / (mine + other)
        weights = where(share[having & kept].mean(axis=0) - share[lacking & kept].mean(axis=0))
        return weights, np.asarray(share @ weights)

    evidence = np.zeros(len(having))
    for number in range(FOLDS):
        left = fold == number
        if min((having & ~left).sum(), (lacking & ~left).sum()) < 2:
            return None
        evidence[left] = fitted(~left)[1][left]
    weights, _ = fitted(np.ones(len(having), dtype=bool))
    value = worth(evidence[having], evidence[lacking])
    return ExampleCheck(weights, having, lacking, value) if value and weights.any() else None
