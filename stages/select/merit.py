"""What an epoch is chosen by: its score, and what people prefer as far as it weighs."""

from dataclasses import dataclass
from math import hypot, sqrt
from statistics import stdev

from sprite_lora.results.people import Ranking
from sprite_lora.results.scores import EpochScore


@dataclass(frozen=True)
class Merit:
    """Points of 10: (1 - weight) x score + weight x people's points."""

    people: Ranking | None = None
    wanted: float = 0.0
    """select.people."""

    @property
    def weight(self) -> float:
        """What people weigh: as much as is wanted of what their ratings settle, so that few decide little."""
        return self.wanted * self.people.settled if self.people else 0.0

    def of(self, epoch: EpochScore) -> float:
        """An epoch's points."""
        if not self.people or not self.weight:
            return epoch.score
        return (1 - self.weight) * epoch.score + self.weight * self.people.points(epoch.number)

    def spread(self, one: EpochScore, other: EpochScore) -> float:
        """Standard error of the difference of two epochs' points."""
        error = (1 - self.weight) * score_spread(one, other)
        if not self.people or not self.weight:
            return error
        return hypot(error, self.weight * self.people.spread(one.number, other.number))


SCORE_ALONE = Merit()


def score_spread(one: EpochScore, other: EpochScore) -> float:
    """Standard error, in points, of the mean difference of two epochs' scores over the prompts that both drew.

    Paired: the same prompt and seed drew both pictures, so what makes one prompt harder than another cancels out.
    0 for fewer than two prompts, where nothing is known about it.
    """
    first, second = one.picture_scores, other.picture_scores
    differences = [first[name] - second[name] for name in first.keys() & second.keys()]
    return stdev(differences) / sqrt(len(differences)) if len(differences) > 1 else 0.0
