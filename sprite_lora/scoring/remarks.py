"""What is wrong with a picture or an epoch, in words, where a point of ten or more is at stake."""

from sprite_lora.scoring.judge import EpochVerdict
from sprite_lora.scoring.metrics import EPOCH_METRICS, PICTURE_METRICS
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.verdict import Verdict

STAKE = 1.0
"""Points of 10 that a fault must cost to be worth a word."""

NOTICE = 0.1
"""Share from which copies and sameness are worth a word: by chance alone some pictures come near to a sprite."""

Remark = tuple[str, str]
"""A short word and a sentence."""


def picture_remarks(verdict: Verdict, training: Training, score: Score) -> list[Remark]:
    """The faults of a picture, worst first, a copy before all; empty where all is well."""
    if verdict.score == 0:
        return [("collapsed", "flat, black, empty, or drawn without finite numbers")]
    found: list[Remark] = []
    if verdict.copies >= NOTICE:
        sprite = f"{verdict.nearest_stem}, {verdict.nearest_how}" if verdict.nearest_how else verdict.nearest_stem
        found.append(("copy", f"{1 - verdict.nearest:.0%} of the figure is training sprite {sprite}"))
    costs = {name: 10 * score.lost.of(name) * (1 - quality) for name, quality in verdict.qualities.items()}
    metrics = {metric.name: metric for metric in PICTURE_METRICS}
    for name in sorted(costs, key=lambda name: -costs[name]):
        if costs[name] >= STAKE:
            metric = metrics[name]
            figures = {**verdict.measured, **metric.figures(training.learned[name]), "wrong": wrong(verdict)}
            found.append((metric.fault, metric.sentence.format(**figures)))
    return found


def wrong(verdict: Verdict) -> str:
    """What the prompt names and the picture shows otherwise or not at all; the doubtful where nothing is sure."""
    for shows in (("otherwise", "missing"), ("unsure",)):
        if found := [answer.sentence for answer in verdict.named if answer.shows in shows]:
            return ", ".join(found)
    return "not all that the prompt names is drawn as named"


def epoch_remarks(verdict: EpochVerdict) -> list[Remark]:
    """The faults of an epoch as a whole; empty where all is well."""
    found: list[Remark] = []
    if verdict.pictures == 0:
        found.append(("collapsed", "every picture is flat, black, empty, or drawn without finite numbers"))
    for metric in EPOCH_METRICS:
        share = verdict.faults[metric.name]
        if share >= NOTICE:
            found.append((metric.name, metric.sentence.format(share=share)))
    return found
