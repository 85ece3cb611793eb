"""How many more pictures would tell two tied epochs apart."""

from math import ceil, floor

from sprite_lora.scoring.select_params import Select
from stages.select.choose import Choice
from stages.select.paired import differences

MOST = 200
"""Pictures of an epoch: nobody draws more than these for one decision."""


def more_pictures(choice: Choice, rule: Select) -> int | None:
    """Pictures that each epoch needs beside those drawn, so that the chosen and the runner-up tie no more.

    As if their distance and the scatter of its prompts stayed as they are: gap > e standard errors, which are
    sqrt(((1 - weight) deviation)^2 / n + people_spread^2) for n prompts. With several seeds, each new prompt is drawn
    with all. None where they do not tie, where it takes more than MOST, and where no number is enough: their distance
    is within `tie_points`, or within what people's ratings leave open.
    """
    chosen, other, merit, asked = choice.chosen, choice.runner_up, choice.merit, rule.tie_standard_errors
    if other is None or other not in choice.tied or not asked:
        return None
    gap = abs(merit.of(chosen) - merit.of(other))
    room = (gap / asked) ** 2 - merit.people_spread(chosen, other) ** 2
    if gap <= rule.tie_points or room <= 0:
        return None
    drawn = differences(chosen, other)
    needed = floor(((1 - merit.weight) * drawn.deviation) ** 2 / room) + 1
    more = ceil((needed - len(drawn.values)) * drawn.pictures / len(drawn.values))
    return more if more <= MOST else None
