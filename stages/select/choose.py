"""Which epoch: the best by score, the earlier one on a tie."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import stdev

from sprite_lora.results.scores import EpochScore
from sprite_lora.scoring.copies import COPIES
from sprite_lora.scoring.select_params import Select


@dataclass(frozen=True)
class Choice:
    """The selected epoch and what it was chosen among."""

    chosen: EpochScore
    best: EpochScore
    """The highest score among those not passed over; `chosen` itself unless a tie went to an earlier one."""
    tied: tuple[EpochScore, ...]
    """Epochs that can't be distinguished from the best, `chosen` and `best` among them, in order."""
    runner_up: EpochScore | None
    """The highest score besides the chosen one's, those not passed over."""
    passed_over: tuple[EpochScore, ...]
    """Epochs that copy training sprites too often."""


def choose(trained: Sequence[EpochScore], rule: Select) -> Choice:
    """Choose among trained epochs, one or more, in order.

    Epochs whose share of copies exceeds the limit are passed over, unless all do. Two epochs tie when their scores
    differ by no more than `tie_points`, or than `tie_standard_errors` standard errors of the difference over the
    prompts (see `spread`); of all that tie with the best, the earliest is taken: the same quality with less training.
    """
    modest = [epoch for epoch in trained if epoch.faults[COPIES.name] <= rule.copied_limit]
    among = modest or list(trained)
    best = max(among, key=lambda epoch: (epoch.score, -epoch.number))
    tied = tuple(epoch for epoch in among if best.score - epoch.score <= tie_margin(best, epoch, rule))
    chosen = tied[0]
    others = [epoch for epoch in among if epoch is not chosen]
    return Choice(
        chosen=chosen,
        best=best,
        tied=tied,
        runner_up=max(others, key=lambda epoch: (epoch.score, -epoch.number), default=None),
        passed_over=tuple(epoch for epoch in trained if epoch not in among),
    )


def tie_margin(best: EpochScore, other: EpochScore, rule: Select) -> float:
    """Points by which `other` may stay below `best` and still tie with it."""
    return max(rule.tie_points, rule.tie_standard_errors * spread(best, other))


def spread(one: EpochScore, other: EpochScore) -> float:
    """Standard error, in points, of the mean difference of two epochs over the prompts that both drew.

    Paired: the same prompt and seed drew both pictures, so what makes one prompt harder than another cancels out.
    0 for fewer than two prompts, where nothing is known about it.
    """
    first, second = one.picture_scores, other.picture_scores
    differences = [first[name] - second[name] for name in first.keys() & second.keys()]
    return stdev(differences) / sqrt(len(differences)) if len(differences) > 1 else 0.0
