"""How likely each epoch is the best, had other prompts and seeds of the same kind been drawn."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.scores import EpochScore, Scores
from stages.select.merit import Merit
from stages.select.paired import picture_points, prompts

Array = NDArray[np.float64]

DRAWS = 4000
"""Resamplings, of a fixed seed: a chance is right to 0.8 % (standard error)."""

AT_ONCE = 400
"""Resamplings in memory: 400 x 10,000 pictures are 32 MB."""

EQUAL = 1e-9
"""Points below which two epochs are equal in a resampling, and share it."""


def best_chances(epochs: Sequence[EpochScore], merit: Merit) -> dict[Epoch, float]:
    """Epoch to the share of resamplings in which its merit is the highest; they add up to 1.

    A bootstrap in two stages (Davison and Hinkley 1997, 3.8): as many prompts as there are, drawn with replacement, and
    for each as many of its pictures as it has. All epochs get the same ones, so the comparison is paired. With few
    prompts it is a little too sure: n of them scatter sqrt((n - 1) / n) times as much as their standard error says.
    With several seeds it is not sure enough, since the second stage adds their luck once more. People's points come
    from draws of their own, as far as they weigh.
    """
    groups = _prompts_of_all(epochs)
    each = [picture_points(epoch) for epoch in epochs]
    points = np.array([[found[name] for found in each] for names in groups for name in names])
    shares = np.zeros(len(epochs))
    said = merit.people if merit.weight else None
    opinions = None if said is None else np.column_stack([said.draws_of(epoch.number) for epoch in epochs])
    done = 0
    for weights in resamplings([len(names) for names in groups]):
        drawn = (1 - merit.weight) * (weights @ points)
        if opinions is not None:
            drawn += merit.weight * opinions[np.arange(done, done + len(drawn)) % len(opinions)]
        first = drawn >= drawn.max(axis=1, keepdims=True) - EQUAL
        shares += (first / first.sum(axis=1, keepdims=True)).sum(axis=0)
        done += len(drawn)
    return dict(zip((epoch.number for epoch in epochs), (shares / done).tolist(), strict=True))


def resamplings(seeds: Sequence[int]) -> Iterator[Array]:
    """What each picture counts in an epoch's mean, DRAWS rows in blocks of AT_ONCE; a row adds up to 1.

    `seeds`: how many pictures each prompt has; the columns are the pictures, prompt by prompt.
    """
    generator = np.random.default_rng(0)
    count = len(seeds)
    for _ in range(DRAWS // AT_ONCE):
        times = generator.multinomial(count, np.full(count, 1 / count), size=AT_ONCE)
        of_prompts = [
            generator.multinomial(times[:, place] * number, np.full(number, 1 / number)) / number
            for place, number in enumerate(seeds)
        ]
        yield np.hstack(of_prompts) / count


def _prompts_of_all(epochs: Sequence[EpochScore]) -> list[list[str]]:
    """The names of each prompt's pictures. Raises SpriteLoraError where they are not the same in all epochs."""
    first, *others = (prompts(epoch) for epoch in epochs)
    for epoch, found in zip(epochs[1:], others, strict=True):
        if found != first:
            raise SpriteLoraError(
                f"{Scores.place}: epochs {epochs[0].number} and {epoch.number} have pictures of different prompts",
                "draw them again: dvc repro -f sample",
            )
    return list(first.values())
