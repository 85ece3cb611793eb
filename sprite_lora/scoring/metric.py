"""What a metric is: one object that holds its name, its words, its weight and its functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites
from sprite_lora.scoring.verdict import Verdict
from sprite_lora.scoring.view import View

L = TypeVar("L")
"""What a metric learns from the training sprites, once."""


def _nothing(sprites: Sprites, scales: Scales) -> Any:
    """For a metric that learns nothing."""


def _no_figures(learned: Any) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Metric(Generic[L]):
    """One property of a picture, held against the training sprites."""

    name: str
    label: str
    """What a higher quality means, to complete `what sets it above epoch 3: ...`."""
    fault: str
    """What is wrong where the quality is low, in a word or two."""
    sentence: str
    """The same in a sentence; `{...}` are filled with the picture's measures and with `figures`."""
    cost: str
    """What the weight is the price of."""
    weight: float
    """Default of score.lost: share of the score that is lost where nothing but this fails completely, 0 to 1."""
    measure: Callable[[View, L, Scales], Mapping[str, float]]
    """Measures by name, each in its own unit; empty where the metric does not apply to the picture."""
    quality: Callable[[Mapping[str, float], L, Scales], float]
    """What the measures are worth: 1 = as good as a training sprite, 0 = failed."""
    learn: Callable[[Sprites, Scales], L] = _nothing
    figures: Callable[[L], Mapping[str, float]] = _no_figures
    """Figures of the training sprites that `sentence` names."""


@dataclass(frozen=True, kw_only=True)
class EpochMetric(Generic[L]):
    """One fault that only an epoch's pictures together can show."""

    name: str
    label: str
    """What less of the fault means, to complete `what sets it above epoch 3: ...`."""
    sentence: str
    """What is wrong and what helps; `{share}` is filled in."""
    cost: str
    weight: float
    measure: Callable[[Sequence[Verdict], L], float]
    """How far the pictures have the fault: 0 = not at all, 1 = completely."""
    learn: Callable[[Sprites, Scales], L] = _nothing
