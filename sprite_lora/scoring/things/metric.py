"""Are the things that the prompt names drawn as named?"""

from collections.abc import Mapping

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.things.learned import Things, learn
from sprite_lora.scoring.view import View

ONE = 0.22
"""Quality that one thing costs which is surely drawn otherwise or missing."""

SURELY, PERHAPS = 0.15, 0.4
"""Chance that it is as asked up to which a thing costs that much, and from which it costs nothing."""


def measure(view: View, learned: Things, _scales: Scales) -> Mapping[str, float]:
    """The product over the things that are seen of 1 - ONE, or 1 where they are as asked."""
    chances = [answer.chance for answer in learned.answers(view) if answer.chance is not None]
    if not chances:
        return {}
    product = 1.0
    for chance in chances:
        product *= 1 - ONE * min(1.0, max(0.0, (PERHAPS - chance) / (PERHAPS - SURELY)))
    return {"things": product}


THINGS = Metric(
    name="things",
    label="things drawn as the prompts name them",
    fault="not as asked",
    sentence="{wrong}",
    cost="of a picture: things that the prompt names drawn otherwise, or not at all",
    weight=0.9,
    measure=measure,
    quality=lambda measured, _learned, _scales: measured["things"],
    learn=learn,
)
