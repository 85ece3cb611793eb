"""Does an epoch draw the same picture for every prompt?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import EpochMetric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites, evenly
from sprite_lora.scoring.verdict import Verdict

MOST_PAIRS = 64
"""Sprites, evenly picked, whose pairs give the usual difference; all pairs of a large set would take minutes."""


def difference(pictures: NDArray[np.float64]) -> float:
    """Mean OKLab distance between two pictures, cell by cell, over all pairs of (pictures, cells, 3); needs two."""
    first, second = np.triu_indices(len(pictures), k=1)
    pairs = [np.linalg.norm(pictures[a] - pictures[b], axis=-1).mean() for a, b in zip(first, second, strict=True)]
    return float(np.mean(pairs))


def sameness(difference: float, usual: float) -> float:
    """How far an epoch draws one picture whatever the prompt: 1 = identical, 0 from a third of the usual difference on.

    `usual` is the difference between training sprites. Prompts that resemble one another are no fault, hence a third.
    """
    return float(np.clip(1 - 3 * difference / usual, 0, 1)) if usual > 0 else 0.0


def learn(sprites: Sprites, _scales: Scales) -> float:
    """OKLab; mean difference between two sprites."""
    return difference(np.array(evenly(list(sprites.lab), MOST_PAIRS)))


def measure(verdicts: Sequence[Verdict], usual: float) -> float:
    """0 for fewer than two pictures, where nothing is known about it."""
    if len(verdicts) < 2:
        return 0.0
    return sameness(difference(np.array([verdict.cells_lab for verdict in verdicts])), usual)


SAMENESS = EpochMetric(
    name="sameness",
    label="pictures that follow their prompts",
    sentence="its pictures hardly differ from prompt to prompt ({share:.0%})",
    cost="of an epoch: the same picture whatever the prompt",
    weight=1.0,
    measure=measure,
    learn=learn,
)
