"""How soon simulated people find the order of eight epochs, and whether the intervals hold the truth.

    uv run python -m benchmarks.people

Eight epochs x six prompts; each picture has its epoch's strength and a part of its own, and a rater prefers it by the
logistic chance. Pairs are chosen as `sprite-lora review` does, then at random.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from sprite_lora.results.pairs import all_pairs, most_telling
from sprite_lora.results.people import PICTURES_SPREAD, SURE, Ranking, rank
from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.scores import EpochScore, PictureScore
from sprite_lora.scoring.bradley_terry import expected_chance, logistic

STRENGTHS = np.array([-2.2, -1.0, -0.3, 0.2, 0.6, 0.9, 1.1, 0.7])
"""Logits: a run that gets better quickly, then slowly, then a little worse."""

PROMPTS, RATERS, LOOKS = 6, 30, (10, 30, 60, 100)


@dataclass(frozen=True)
class Look:
    """What is known after some answers."""

    correlation: float
    covered: float
    settled: float


def pixels(epoch: int, prompt: int) -> str:
    """A stand-in for the hash of a picture."""
    return f"{epoch:032x}{prompt:032x}"


def run() -> tuple[EpochScore, ...]:
    """Epochs without a score: only who drew what matters here."""
    return tuple(
        EpochScore(
            number=number + 1, score=0, pictures=0, worst=0, error=0, faults={}, qualities={}, remarks=(),
            drawn=tuple(
                PictureScore(
                    name=str(prompt), score=0, copies=0, nearest=0, nearest_sprite="", qualities={}, measures={},
                    remarks=(), named=(), checkpoint="", prompt="", pixels=pixels(number, prompt),
                )
                for prompt in range(PROMPTS)
            ),
        )
        for number in range(len(STRENGTHS))
    )  # fmt: skip


def looks(seed: int, *, telling: bool) -> list[Look]:
    """One rater's answers, looked at after each number of LOOKS."""
    generator = np.random.default_rng(seed)
    liked = {
        pixels(number, prompt): strength + PICTURES_SPREAD * generator.standard_normal()
        for number, strength in enumerate(STRENGTHS)
        for prompt in range(PROMPTS)
    }
    trained, ratings, found = run(), Ratings(), []
    ranking = rank(ratings, trained)
    pairs = all_pairs(ranking.drawings)
    for count in range(1, max(LOOKS) + 1):
        one, other = most_telling(ranking, pairs, generator) if telling else pairs[generator.integers(len(pairs))]
        pairs.remove((one, other))
        better = one if generator.random() < logistic(np.array(liked[one] - liked[other])) else other
        ratings = ratings.with_all((Rating.of(one, other, better, "me"),))
        ranking = rank(ratings, trained)
        if count in LOOKS:
            found.append(look(ranking))
    return found


def look(ranking: Ranking) -> Look:
    """The ranking against the truth."""
    low, high = np.quantile(ranking.draws, [(1 - SURE) / 2, (1 + SURE) / 2], axis=0)
    chances = expected_chance(STRENGTHS[:, None] - STRENGTHS, 2 * PICTURES_SPREAD**2)
    truth = 10 * (chances.sum(axis=1) - 0.5) / (len(STRENGTHS) - 1)
    return Look(
        correlation=float(spearmanr(ranking.draws.mean(axis=0), STRENGTHS)[0]),
        covered=float(np.mean((low <= truth) & (truth <= high))),
        settled=ranking.settled,
    )


def main() -> None:
    for name, telling in (("pairs that tell most", True), ("pairs at random", False)):
        everything = [looks(seed, telling=telling) for seed in range(RATERS)]
        for place, count in enumerate(LOOKS):
            mean = [np.mean([getattr(one[place], key) for one in everything]) for key in Look.__annotations__]
            print(
                f"{name}, {count} answers: rank correlation with the truth {mean[0]:.2f}, 90% intervals hold it in "
                f"{mean[1]:.0%}, settled {mean[2]:.0%}"
            )


if __name__ == "__main__":
    main()
