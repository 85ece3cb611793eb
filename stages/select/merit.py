"""What an epoch is chosen by: its score, and what people prefer as far as it weighs."""

from dataclasses import dataclass
from math import hypot

from sprite_lora.results.people import Ranking
from sprite_lora.results.scores import EpochScore
from stages.select.paired import differences


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
        return hypot((1 - self.weight) * differences(one, other).error, self.people_spread(one, other))

    def people_spread(self, one: EpochScore, other: EpochScore) -> float:
        """The part of it that comes from people's ratings: more pictures don't change it."""
        if not self.people or not self.weight:
            return 0.0
        return self.weight * self.people.spread(one.number, other.number)


SCORE_ALONE = Merit()
