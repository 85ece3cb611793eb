"""Which epoch: the best by its merit, which is the score where people weigh nothing; the earlier one on a tie."""

from collections.abc import Sequence
from dataclasses import dataclass

from sprite_lora.results.scores import EpochScore
from sprite_lora.scoring.copies import COPIES
from sprite_lora.scoring.select_params import Select
from stages.select.merit import SCORE_ALONE, Merit


@dataclass(frozen=True)
class Choice:
    """The selected epoch and what it was chosen among."""

    chosen: EpochScore
    best: EpochScore
    """The highest merit among those not passed over; `chosen` itself unless a tie went to an earlier one."""
    tied: tuple[EpochScore, ...]
    """Epochs that can't be distinguished from the best, `chosen` and `best` among them, in order."""
    runner_up: EpochScore | None
    """The highest merit besides the chosen one's, those not passed over."""
    passed_over: tuple[EpochScore, ...]
    """Epochs that copy training sprites too often."""
    merit: Merit
    """What they were compared by."""

    @property
    def margin(self) -> float | None:
        """Points of the chosen epoch above the runner-up."""
        return self.merit.of(self.chosen) - self.merit.of(self.runner_up) if self.runner_up else None

    @property
    def spread(self) -> float | None:
        """Standard error of the margin."""
        return self.merit.spread(self.chosen, self.runner_up) if self.runner_up else None


def choose(trained: Sequence[EpochScore], rule: Select, merit: Merit = SCORE_ALONE) -> Choice:
    """Choose among trained epochs, one or more, in order.

    Epochs whose share of copies exceeds the limit are passed over, unless all do. Two epochs tie when their merits
    differ by no more than `tie_points`, or than `tie_standard_errors` standard errors of the difference (see `Merit`);
    of all that tie with the best, the earliest is taken: the same quality with less training.
    """
    modest = [epoch for epoch in trained if epoch.faults[COPIES.name] <= rule.copied_limit]
    among = modest or list(trained)

    def standing(epoch: EpochScore) -> tuple[float, float]:
        return merit.of(epoch), -epoch.number

    best = max(among, key=standing)
    tied = tuple(
        epoch for epoch in among if merit.of(best) - merit.of(epoch) <= tie_margin(merit.spread(best, epoch), rule)
    )
    chosen = tied[0]
    others = [epoch for epoch in among if epoch is not chosen]
    return Choice(
        chosen=chosen,
        best=best,
        tied=tied,
        runner_up=max(others, key=standing, default=None),
        passed_over=tuple(epoch for epoch in trained if epoch not in among),
        merit=merit,
    )


def tie_margin(spread: float, rule: Select) -> float:
    """Points by which an epoch may stay below the best and still tie with it; `spread`: the difference's error."""
    return max(rule.tie_points, rule.tie_standard_errors * spread)
