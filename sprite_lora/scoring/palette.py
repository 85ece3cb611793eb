"""Does the picture have as many colours as sprites have?"""

from collections.abc import Mapping

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites
from sprite_lora.scoring.usual import Usual, usual
from sprite_lora.scoring.view import View


def colours(view: View, _learned: object, _scales: Scales) -> Mapping[str, float]:
    """How many colours cover 95 and 99 % of the cells."""
    return {"colours_95": view.palette.covering(0.95), "colours_99": view.palette.covering(0.99)}


def learn(sprites: Sprites, scales: Scales) -> tuple[Usual, Usual]:
    """The usual numbers of colours that cover 95 and 99 % of the cells."""
    ninety_five = usual([view.palette.covering(0.95) for view in sprites.views], scales.usual_share)
    return ninety_five, usual([view.palette.covering(0.99) for view in sprites.views], scales.usual_share)


def quality(measured: Mapping[str, float], learned: tuple[Usual, Usual], _scales: Scales) -> float:
    """The worse of the two."""
    return min(learned[0].typical(measured["colours_95"]), learned[1].typical(measured["colours_99"]))


PALETTE = Metric(
    name="palette",
    label="a palette like the training sprites'",
    fault="palette",
    sentence="{colours_95:.0f} colours cover 95 % of the cells; training sprites have {low:.0f} to {high:.0f}",
    cost="of a picture: more or fewer colours than training sprites have",
    weight=0.5,
    measure=colours,
    quality=quality,
    learn=learn,
    figures=lambda learned: {"low": learned[0].low, "high": learned[0].high},
)
