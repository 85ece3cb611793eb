"""A picture's verdict and an epoch's: scores, and everything they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.collapse import difference, sameness
from sprite_lora.scoring.copies import copied
from sprite_lora.scoring.metrics import measure, picture_score, qualities
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.view import View


@dataclass(frozen=True)
class Verdict:
    """One picture, judged."""

    score: float
    """0 to 10."""
    measured: dict[str, float]
    """Each in its own unit."""
    worth: dict[str, float]
    """Qualities, 0 to 1."""
    copied: float
    """How much of a copy of a training sprite, 0 to 1."""
    nearest: float
    """Distance to the nearest training sprite: share of its figure's cells that differ."""
    nearest_stem: str
    cells_lab: NDArray[np.float64]
    """(art_pixels, art_pixels, 3) OKLab, to compare pictures with one another."""


def judge(view: View, training: Training, score: Score) -> Verdict:
    """Measure, value and score one picture."""
    measured = measure(view, training, score)
    worth = qualities(measured, training, score)
    nearest, stem = training.nearest_sprite(view.cells_lab, score.copy_tolerance)
    return Verdict(
        score=picture_score(measured, worth, training, score),
        measured=measured,
        worth=worth,
        copied=copied(nearest, training.copy_limit),
        nearest=nearest,
        nearest_stem=stem,
        cells_lab=view.cells_lab,
    )


def judge_epoch(verdicts: Sequence[Verdict], training: Training, score: Score) -> dict[str, float]:
    """An epoch's score and what it is made of.

    score = mean of its pictures' scores x (1 - lost.copies x copied) x (1 - lost.sameness x sameness), 0 to 10.
    The mean, not the best: a LoRA is wanted for every prompt. Copies and sameness are the two ways to draw perfect
    sprites and be no use; one picture alone can't show them, so they count here. `copied` is the pictures' mean;
    `error` the standard error of the mean over the prompts, in points; `worst` the lowest picture's score.
    """
    scores = np.array([verdict.score for verdict in verdicts])
    copies = float(np.mean([verdict.copied for verdict in verdicts]))
    same = 0.0
    if len(verdicts) > 1:
        between = difference(np.array([verdict.cells_lab for verdict in verdicts]))
        same = sameness(between, training.difference)
    craft = float(scores.mean())
    return {
        "score": craft * (1 - score.lost.copies * copies) * (1 - score.lost.sameness * same),
        "pictures": craft,
        "worst": float(scores.min()),
        "error": float(scores.std(ddof=1) / sqrt(len(scores))) if len(scores) > 1 else 0.0,
        "copied": copies,
        "sameness": same,
        **_mean_worth(verdicts),
    }


def _mean_worth(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Each quality's mean over the pictures that have it, 0 to 1."""
    names = dict.fromkeys(name for verdict in verdicts for name in verdict.worth)
    return {
        name: float(np.mean([verdict.worth[name] for verdict in verdicts if name in verdict.worth])) for name in names
    }
