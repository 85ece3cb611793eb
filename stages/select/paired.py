"""Two epochs' pictures in pairs: the same prompt and seed drew both."""

from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from sprite_lora.results.scores import EpochScore


def picture_points(epoch: EpochScore) -> dict[str, float]:
    """Picture's name to what it adds: their mean is the epoch's score, what the epoch as a whole loses included."""
    left = epoch.score / epoch.pictures if epoch.pictures else 1.0
    return {name: left * score for name, score in epoch.picture_scores.items()}


def prompts(epoch: EpochScore) -> dict[str, list[str]]:
    """Prompt to the names of its pictures: one for each seed."""
    found: dict[str, list[str]] = {}
    for picture in epoch.drawn:
        found.setdefault(picture.prompt, []).append(picture.name)
    return found


@dataclass(frozen=True)
class Differences:
    """Points of one epoch above another, by prompt: the mean over its seeds. By seed where there is one prompt.

    What makes one prompt harder than another cancels out.
    """

    values: tuple[float, ...]
    pictures: int
    """Of each epoch."""

    @property
    def deviation(self) -> float:
        """Standard deviation; 0 for fewer than two, where nothing is known about it."""
        return stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def error(self) -> float:
        """Standard error of their mean."""
        return self.deviation / sqrt(len(self.values)) if self.values else 0.0


def differences(one: EpochScore, other: EpochScore) -> Differences:
    """Over the pictures that both drew."""
    first, second = picture_points(one), picture_points(other)
    groups = [[first[name] - second[name] for name in names if name in second] for names in prompts(one).values()]
    groups = [group for group in groups if group]
    values = [fmean(group) for group in groups] if len(groups) > 1 else [value for group in groups for value in group]
    return Differences(tuple(values), sum(map(len, groups)))
