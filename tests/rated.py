"""Scores of a made-up run, and ratings of its pictures by a rater who prefers some epochs."""

import hashlib
from collections.abc import Callable, Mapping
from itertools import combinations

from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.scores import EpochScore, PictureScore


def pixels(epoch: int, prompt: str) -> str:
    """The hash of a picture."""
    return hashlib.sha256(f"{epoch} {prompt}".encode()).hexdigest()


def epoch(number: int, scores: Mapping[str, float], drawn: Mapping[str, str] | None = None) -> EpochScore:
    """An epoch by its pictures' scores; `drawn` has the pictures' hashes where they are not its own."""
    mean = sum(scores.values()) / len(scores)
    return EpochScore(
        number=number, score=mean, pictures=mean, worst=min(scores.values()), error=0, faults={"copies": 0.0},
        qualities={}, remarks=(),
        drawn=tuple(
            PictureScore(
                name=name, score=score, copies=0, nearest=1, nearest_sprite="lad_001", qualities={}, measures={},
                remarks=(), named=(), checkpoint=str(number), prompt=name,
                pixels=(drawn or {}).get(name) or pixels(number, name),
            )
            for name, score in scores.items()
        ),
    )  # fmt: skip


def run(epochs: int, prompts: int) -> tuple[EpochScore, ...]:
    """Epochs from 1 on; the score rises with the epoch, by prompt."""
    names = [f"prompt{number}" for number in range(prompts)]
    return tuple(epoch(number, dict.fromkeys(names, 4 + number / 10)) for number in range(1, epochs + 1))


def rated(trained: tuple[EpochScore, ...], strength: Callable[[int], float], by: str = "me") -> Ratings:
    """All pairs of each prompt, rated by the epochs' strengths; equal strengths are equal."""
    found = []
    for one, other in combinations(trained, 2):
        for name in one.picture_scores:
            pair = pixels(int(one.number), name), pixels(int(other.number), name)
            apart = strength(int(one.number)) - strength(int(other.number))
            found.append(Rating.of(*pair, None if apart == 0 else pair[0] if apart > 0 else pair[1], by))
    return Ratings().with_all(tuple(found))
