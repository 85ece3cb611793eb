"""Which epoch: the best by its merit, which is the score where people weigh nothing; the earlier one on a tie."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.scores import EpochScore
from sprite_lora.scoring.copies import COPIES
from sprite_lora.scoring.select_params import Select
from stages.select.bootstrap import best_chances
from stages.select.merit import SCORE_ALONE, Merit
from stages.select.usable import objections


@dataclass(frozen=True)
class Choice:
    """The selected epoch and what it was chosen among."""

    chosen: EpochScore
    best: EpochScore
    """The highest merit of the usable ones; `chosen` itself unless a tie went to an earlier one."""
    tied: tuple[EpochScore, ...]
    """Epochs that can't be distinguished from the best, `chosen` and `best` among them, in order."""
    among: tuple[EpochScore, ...]
    """Epochs that are not passed over, in order."""
    passed_over: tuple[EpochScore, ...]
    """Epochs that copy training sprites too often."""
    objections: tuple[str, ...]
    """Why the chosen epoch is not usable, and with it none; empty where it is."""
    merit: Merit
    """What they were compared by."""

    @cached_property
    def runner_up(self) -> EpochScore | None:
        """The highest merit besides the chosen one's, of those not passed over."""
        others = [epoch for epoch in self.among if epoch is not self.chosen]
        return max(others, key=lambda epoch: standing(epoch, self.merit), default=None)

    @property
    def margin(self) -> float | None:
        """Points of the chosen epoch above the runner-up."""
        return self.merit.of(self.chosen) - self.merit.of(self.runner_up) if self.runner_up else None

    @property
    def spread(self) -> float | None:
        """Standard error of the margin."""
        return self.merit.spread(self.chosen, self.runner_up) if self.runner_up else None

    @cached_property
    def chances(self) -> dict[Epoch, float]:
        """Epoch to the probability that it is the best of those not passed over."""
        return best_chances(self.among, self.merit)


def choose(
    trained: Sequence[EpochScore], rule: Select, merit: Merit = SCORE_ALONE, base: EpochScore | None = None
) -> Choice:
    """Choose among trained epochs, one or more, in order.

    Epochs whose share of copies exceeds the limit are passed over, unless all do. Of the others only usable ones are
    chosen. Two epochs tie as `ties` says; of all that tie with the best, the earliest is taken: the same quality with
    less training. Where none is usable, that is no gain, and the best is taken.
    """
    modest = [epoch for epoch in trained if epoch.faults[COPIES.name] <= rule.copied_limit]
    among = modest or list(trained)
    usable = [epoch for epoch in among if not objections(epoch, rule, base)]
    best = max(usable or among, key=lambda epoch: standing(epoch, merit))
    tied = tuple(epoch for epoch in usable or among if ties(best, epoch, merit, rule))
    chosen = tied[0] if usable else best
    return Choice(
        chosen=chosen,
        best=best,
        tied=tied,
        among=tuple(among),
        passed_over=tuple(epoch for epoch in trained if epoch not in among),
        objections=tuple(objections(chosen, rule, base)),
        merit=merit,
    )


def standing(epoch: EpochScore, merit: Merit) -> tuple[float, float]:
    """What epochs are ordered by: the merit, and of equals the earlier one first."""
    return merit.of(epoch), -epoch.number


def ties(best: EpochScore, other: EpochScore, merit: Merit, rule: Select) -> bool:
    """Whether an epoch can't be distinguished from the best.

    Their merits differ by no more than `tie_points`, or than `tie_standard_errors` standard errors of the difference:
    of the paired difference over the prompts, and of people's ratings as far as they weigh.
    """
    margin = max(rule.tie_points, rule.tie_standard_errors * merit.spread(best, other))
    return merit.of(best) - merit.of(other) <= margin
