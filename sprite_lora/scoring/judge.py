"""A picture's verdict and an epoch's: scores, and everything they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from sprite_lora.scoring.collapse import alive, spread
from sprite_lora.scoring.metrics import EPOCH_METRICS, PICTURE_METRICS
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.things.metric import THINGS
from sprite_lora.scoring.verdict import Verdict
from sprite_lora.scoring.view import View


@dataclass(frozen=True)
class EpochVerdict:
    """One epoch, judged."""

    score: float
    """0 to 10."""
    pictures: float
    """Mean of its pictures' scores, before the faults of the epoch as a whole cost anything."""
    worst: float
    """The lowest picture's score."""
    error: float
    """Standard error of the mean over the prompts, in points."""
    faults: Mapping[str, float]
    """Epoch metric to how far the epoch has the fault, 0 to 1."""
    qualities: Mapping[str, float]
    """Picture metric to the mean quality of the pictures that have it, 0 to 1."""


def judge(view: View, training: Training, score: Score) -> Verdict:
    """Measure, value and score one picture."""
    measured: dict[str, float] = {}
    qualities: dict[str, float] = {}
    for metric in PICTURE_METRICS:
        learned = training.learned[metric.name]
        if found := metric.measure(view, learned, score):
            measured |= found
            qualities[metric.name] = metric.quality(found, learned, score)
    measured["spread"] = spread(view.cells_lab)
    near = training.nearest_sprite(view)
    return Verdict(
        score=picture_score(qualities, alive(measured["spread"], training.least_spread), score),
        measured=measured,
        qualities=qualities,
        copies=near.copied,
        nearest=near.distance,
        nearest_stem=near.stem,
        nearest_how=near.how,
        named=training.learned[THINGS.name].answers(view),
        cells_lab=view.cells_lab,
    )


def picture_score(qualities: Mapping[str, float], alive: float, score: Score) -> float:
    """0 to 10: 10 x alive x the product over the metrics of 1 - lost x (1 - quality).

    A product, because a fine palette can't make up for a missing grid; `lost` in params.yaml says directly how much of
    the score one metric's failure costs. `alive` takes all from a flat or black picture, which fails nothing else.
    Copies don't count here: a copy is a good picture, and a bad sign for its epoch.
    """
    product = 10 * alive
    for name, quality in qualities.items():
        product *= 1 - score.lost.of(name) * (1 - quality)
    return product


def judge_epoch(verdicts: Sequence[Verdict], training: Training, score: Score) -> EpochVerdict:
    """An epoch's score and what it is made of.

    score = mean of its pictures' scores x the product over the epoch metrics of 1 - lost x fault, 0 to 10.
    The mean, not the best: a LoRA is wanted for every prompt. Copies and sameness are the two ways to draw perfect
    sprites and be no use; one picture alone can't show them, so they count here.
    """
    scores = np.array([verdict.score for verdict in verdicts])
    faults = {metric.name: metric.measure(verdicts, training.learned[metric.name]) for metric in EPOCH_METRICS}
    pictures = float(scores.mean())
    product = pictures
    for name, fault in faults.items():
        product *= 1 - score.lost.of(name) * fault
    return EpochVerdict(
        score=product,
        pictures=pictures,
        worst=float(scores.min()),
        error=float(scores.std(ddof=1) / sqrt(len(scores))) if len(scores) > 1 else 0.0,
        faults=faults,
        qualities=_mean_qualities(verdicts),
    )


def _mean_qualities(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Each quality's mean over the pictures that have it, 0 to 1."""
    found = {
        metric.name: [verdict.qualities[metric.name] for verdict in verdicts if metric.name in verdict.qualities]
        for metric in PICTURE_METRICS
    }
    return {name: float(np.mean(values)) for name, values in found.items() if values}
