"""Are all parts of a picture there, whole, and where training sprites have them?"""

from collections.abc import Mapping
from math import log

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.structure.learned import Structure, learn, length, ways

GENTLE = 0.1
"""Quality that contours and that shading cost each at the end of what left-out sprites usually have."""

PARTLY = 0.15
"""Quality that the strangest part costs there; nothing on the first half of the way."""

ENDS = 0.86
"""Quality at the length that left-out sprites stay below."""

HALVES = 0.4
"""Where quality is a half: this share of the way (in logarithms) from that length to the one of garbled sprites."""

LEAST_OTHER = 0.5
"""Of that, for a picture with cells of another size, whose lines are as thick as no sprite's."""


def quality(measured: Mapping[str, float], learned: Structure, _scales: Scales) -> float:
    """1 up to the median of left-out sprites, little less at the end of what they usually have, then falling."""
    way = ways(measured, learned.levels)
    product = 1 - PARTLY * min(max(0.0, 2 * way["part"] - 1), 1.0)
    for name in ("structure", "shading"):
        product *= 1 - GENTLE * min(way[name], 1.0)
    usual, broken = learned.lengths
    half = usual * (broken / usual) ** HALVES
    fall = 1 / (1 + (length(way) / half) ** (log(ENDS / (1 - ENDS)) / log(half / usual)))
    return float(product * (fall if measured["comparable"] else max(fall, LEAST_OTHER)))


STRUCTURE = Metric(
    name="structure",
    label="parts where training sprites have them",
    fault="structure",
    sentence="parts are missing or strange, most so {part_across:.0%} from the left and {part_down:.0%} from the top",
    cost="of a picture: parts missing, garbled, or where no training sprite has them",
    weight=0.8,
    measure=lambda view, learned, _scales: learned.measures(view),
    quality=quality,
    learn=learn,
)
