"""The section `score` of params.yaml: the scales of the metrics, and a weight for each metric of the registry."""

from typing import TYPE_CHECKING

from pydantic import Field, create_model

from sprite_lora.core.params import Strict
from sprite_lora.scoring.metrics import METRICS
from sprite_lora.scoring.scales import Scales


class Weights(Strict):
    """Share of the score that is lost when nothing but this metric fails completely, 0 to 1; by the metric's name."""

    def of(self, name: str) -> float:
        """A metric's weight."""
        weight: float = getattr(self, name)
        return weight


if TYPE_CHECKING:
    Lost = Weights
else:
    # One field per metric, so that an unknown name is refused like any other key and a left-out one has its default.
    Lost = create_model(
        "Lost",
        __base__=Weights,
        **{each.name: (float, Field(default=each.weight, ge=0, le=1, description=each.cost)) for each in METRICS},
    )


class Score(Scales):
    """How pictures are judged."""

    lost: Lost = Field(default_factory=Lost, description="weights: share of the score that each metric's failure costs")
