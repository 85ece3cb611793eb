"""What people prefer: their ratings of drawn pictures as strengths of epochs, and how far the score agrees.

A picture's advantage over another is the difference of their epochs' strengths plus a share of each picture's own
(Bradley and Terry's model with two normal priors). So ten ratings of one prompt tell less than ratings of ten prompts,
and an epoch is never surer than its few pictures allow. The untouched base takes no part: it cannot be selected.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field

from sprite_lora.core.result import Count, Part, Score, Share
from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.scores import EpochScore, PictureScore
from sprite_lora.scoring.bradley_terry import Array, Posterior, expected_chance, posterior

EPOCHS_SPREAD = 1.5
"""Logits: prior standard deviation of an epoch's strength. Two epochs then win 9 to 1 at times, 99 to 1 hardly ever."""

PICTURES_SPREAD = 1.0
"""Logits: standard deviation of what a picture has beside its epoch: the luck of one prompt and one seed."""

DRAWS = 2000
"""Draws from the posterior, of a fixed seed: a share of them is right to 0.01."""

SURE = 0.9
"""Share of the draws in an interval."""

FEWEST = 3
"""Rated epochs that a rank correlation needs."""


class EpochPreference(Part):
    """What people think of one epoch."""

    epoch: Epoch
    points: Score
    """10 x the chance that its picture is preferred to another epoch's, mean over the others; 5 = nothing is known."""
    low: Score
    high: Score
    """Ends of the 90 % interval."""
    best: Share
    """Probability that it is the one that people like best."""
    ratings: Count
    """Answers to pairs with a picture of it."""


class Agreement(Part):
    """Score and people."""

    pairs: Count
    """Answers that prefer one picture, where the score too puts one above the other."""
    agree: Count
    """Those in which both prefer the same."""
    share: Share
    low: Share
    high: Share
    """Ends of the 90 % interval (Wilson), as if the answers were independent."""
    correlation: Annotated[float, Field(ge=-1, le=1)] | None
    """Spearman's rank correlation of score and points over the rated epochs; None for fewer than three."""


class People(Part):
    """reports/select.json: what people prefer."""

    ratings: Count
    """Answers to pairs of this run's pictures."""
    raters: Count
    settled: Share
    """How much of what there was to learn about the epochs the ratings tell: 1 - mean variance now / before."""
    weight: Share
    """What people weighed in the choice: select.people x settled."""
    epochs: tuple[EpochPreference, ...]
    agreement: Agreement | None
    """None where no answer can be held against the score."""


@dataclass(frozen=True)
class Drawings:
    """Which trained epoch drew which picture; pictures with the same pixels are one."""

    trained: Sequence[EpochScore]

    @cached_property
    def epochs(self) -> tuple[Epoch, ...]:
        """Numbers, in order."""
        return tuple(epoch.number for epoch in self.trained)

    @cached_property
    def shares(self) -> dict[str, Array]:
        """Picture to how much of it each epoch drew: 1 for the only one, 1/2 for each of two."""
        found: dict[str, Array] = {}
        for column, epoch in enumerate(self.trained):
            for picture in epoch.drawn:
                found.setdefault(picture.pixels, np.zeros(len(self.trained)))[column] = 1
        return {pixels: drew / drew.sum() for pixels, drew in found.items()}

    @cached_property
    def prompts(self) -> dict[str, dict[str, PictureScore]]:
        """Prompt's name to its different pictures."""
        found: dict[str, dict[str, PictureScore]] = {}
        for epoch in self.trained:
            for picture in epoch.drawn:
                found.setdefault(picture.name, {}).setdefault(picture.pixels, picture)
        return found

    @cached_property
    def _of(self) -> dict[str, set[str]]:
        """Picture to the prompts that it was drawn for."""
        found: dict[str, set[str]] = {}
        for name, pictures in self.prompts.items():
            for pixels in pictures:
                found.setdefault(pixels, set()).add(name)
        return found

    def prompt(self, one: str, other: str) -> str | None:
        """The name of a prompt for which both pictures were drawn."""
        return min(self._of.get(one, set()) & self._of.get(other, set()), default=None)


@dataclass(frozen=True)
class Ranking:
    """Strengths of the epochs, as far as the ratings tell."""

    drawings: Drawings
    ratings: tuple[Rating, ...]
    """Those of the drawings' pairs."""
    fitted: Posterior
    """Strengths of the epochs, then of each rated picture."""
    pictures: dict[str, int] = field(repr=False)
    """Rated picture to its place in `fitted`."""

    @property
    def size(self) -> int:
        """How many epochs."""
        return len(self.drawings.epochs)

    @cached_property
    def draws(self) -> Array:
        """Points of 10 by epoch, drawn from the posterior: DRAWS x epochs."""
        count = self.size
        if count < 2:
            return np.full((DRAWS, count), 5.0)
        root = np.linalg.cholesky(self.fitted.covariance[:count, :count])
        strengths = self.fitted.mean[:count] + np.random.default_rng(0).standard_normal((DRAWS, count)) @ root.T
        points = np.empty_like(strengths)
        for column in range(count):
            chances = expected_chance(strengths[:, [column]] - strengths, 2 * PICTURES_SPREAD**2)
            points[:, column] = 10 * (chances.sum(axis=1) - 0.5) / (count - 1)
        return points

    @cached_property
    def best(self) -> dict[Epoch, float]:
        """Epoch to the probability that people like it best."""
        wins = np.bincount(self.draws.argmax(axis=1), minlength=self.size) / DRAWS
        return dict(zip(self.drawings.epochs, wins.tolist(), strict=True))

    def points(self, epoch: Epoch) -> float:
        """Of 10: see EpochPreference."""
        return float(self.draws_of(epoch).mean())

    def spread(self, one: Epoch, other: Epoch) -> float:
        """Standard deviation of the difference of two epochs' points."""
        return float((self.draws_of(one) - self.draws_of(other)).std())

    def draws_of(self, epoch: Epoch) -> Array:
        """An epoch's column of `draws`."""
        return self.draws[:, self.drawings.epochs.index(epoch)]

    @cached_property
    def settled(self) -> float:
        """See People."""
        if self.size < 2:
            return 0.0
        covariance = self.fitted.covariance[: self.size, : self.size]
        centred = np.trace(covariance) - covariance.mean() * self.size
        return float(np.clip(1 - centred / (EPOCHS_SPREAD**2 * (self.size - 1)), 0, 1))


def rank(ratings: Ratings, trained: Sequence[EpochScore]) -> Ranking:
    """Epochs by what people said of their pictures. Ratings of other pictures do not count."""
    drawings = Drawings(trained)
    applying = tuple(rating for rating in ratings.ratings if drawings.prompt(rating.first, rating.second))
    named = sorted({pixels for rating in applying for pixels in (rating.first, rating.second)})
    pictures = {pixels: len(trained) + place for place, pixels in enumerate(named)}
    design = np.zeros((len(applying), len(trained) + len(pictures)))
    for row, rating in zip(design, applying, strict=True):
        row[: len(trained)] = drawings.shares[rating.first] - drawings.shares[rating.second]
        row[pictures[rating.first]], row[pictures[rating.second]] = 1, -1
    wins = [{"first": 1.0, "second": 0.0, "equal": 0.5}[rating.better] for rating in applying]
    spread = np.repeat([EPOCHS_SPREAD, PICTURES_SPREAD], [len(trained), len(pictures)])
    return Ranking(drawings, applying, posterior(design, wins, spread), pictures)


def people(ranking: Ranking, weight: float) -> People | None:
    """As reports/select.json holds it; None without a rating. `weight`: what people weighed in the choice."""
    if not ranking.ratings:
        return None
    low, high = np.quantile(ranking.draws, [(1 - SURE) / 2, (1 + SURE) / 2], axis=0)
    counts = _rated(ranking)
    return People(
        ratings=len(ranking.ratings),
        raters=len({rating.by for rating in ranking.ratings}),
        settled=round(ranking.settled, 3),
        weight=round(weight, 3),
        epochs=tuple(
            EpochPreference(
                epoch=epoch,
                points=round(ranking.points(epoch), 2),
                low=round(float(low[column]), 2),
                high=round(float(high[column]), 2),
                best=round(ranking.best[epoch], 3),
                ratings=counts[epoch],
            )
            for column, epoch in enumerate(ranking.drawings.epochs)
        ),
        agreement=agreement(ranking),
    )


def _rated(ranking: Ranking) -> Counter[Epoch]:
    """Epoch to the answers to pairs with a picture of it."""
    counts: Counter[Epoch] = Counter()
    for rating in ranking.ratings:
        drew = ranking.drawings.shares[rating.first] + ranking.drawings.shares[rating.second]
        counts.update(epoch for epoch, share in zip(ranking.drawings.epochs, drew, strict=True) if share > 0)
    return counts


def decided(ranking: Ranking) -> list[tuple[str, PictureScore, PictureScore]]:
    """Prompt's name, preferred picture and the other, of each answer that prefers one."""
    found = []
    for rating in ranking.ratings:
        name = ranking.drawings.prompt(rating.first, rating.second)
        if name is not None and rating.better != "equal":
            drawn = ranking.drawings.prompts[name]
            pair = (drawn[rating.first], drawn[rating.second])
            found.append((name, *(pair if rating.better == "first" else pair[::-1])))
    return found


def agreement(ranking: Ranking) -> Agreement | None:
    """Whether score and people prefer the same pictures and the same epochs."""
    told = [(better.score, worse.score) for _, better, worse in decided(ranking) if better.score != worse.score]
    if not told:
        return None
    from scipy.stats import binomtest, spearmanr

    agree = sum(better > worse for better, worse in told)
    interval = binomtest(agree, len(told)).proportion_ci(SURE, "wilson")
    rated = _rated(ranking)
    epochs = [epoch for epoch in ranking.drawings.trained if rated[epoch.number]]
    scores = [epoch.score for epoch in epochs]
    correlation = None
    if len(epochs) >= FEWEST and len(set(scores)) > 1:
        correlation = round(float(spearmanr(scores, [ranking.points(epoch.number) for epoch in epochs])[0]), 3)
    return Agreement(
        pairs=len(told),
        agree=agree,
        share=round(agree / len(told), 3),
        low=round(float(interval.low), 3),
        high=round(float(interval.high), 3),
        correlation=correlation,
    )
