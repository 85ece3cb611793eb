"""The registry of metrics, in the order in which they multiply, stand in tables and have weights in params.yaml.

Another metric: one file with a Metric (or an EpochMetric), its line here, and its column in the plot of dvc.yaml. A
weight may be left out under score.lost in params.yaml, then the metric's default holds.
"""

from typing import Any

from sprite_lora.scoring.coarse import COARSE
from sprite_lora.scoring.copies import COPIES
from sprite_lora.scoring.detail import DETAIL
from sprite_lora.scoring.grid_fit import COHERENCE, EDGES, GRID, RESIDUAL
from sprite_lora.scoring.metric import EpochMetric, Metric
from sprite_lora.scoring.palette import PALETTE
from sprite_lora.scoring.sameness import SAMENESS
from sprite_lora.scoring.stray import STRAY
from sprite_lora.scoring.structure.metric import STRUCTURE
from sprite_lora.scoring.things.metric import THINGS

PICTURE_METRICS: tuple[Metric[Any], ...] = (
    RESIDUAL,
    EDGES,
    COHERENCE,
    GRID,
    PALETTE,
    DETAIL,
    COARSE,
    STRAY,
    STRUCTURE,
    THINGS,
)

EPOCH_METRICS: tuple[EpochMetric[Any], ...] = (COPIES, SAMENESS)

METRICS: tuple[Metric[Any] | EpochMetric[Any], ...] = (*PICTURE_METRICS, *EPOCH_METRICS)
