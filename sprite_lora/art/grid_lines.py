"""Lines of a grid that drifts: about one period apart, drawn to where colours change."""

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.grid import Cuts

SLACK = 0.4
"""Two lines may be this much nearer or further than one period, as a share of it."""

STIFFNESS = 2.0
"""What a distance of twice the period would cost, in lines of full strength."""


def drifting_cuts(change: NDArray[np.float64], period: float) -> Cuts:
    """The cuts that gain most: the sum of `change` on them, less what uneven distances cost; by dynamic programming.

    `change` is (pixels - 1,) how much colour changes at each step along one side, in any unit, `period` in pixels.
    An elastic walk along the profile, as spritefusion-pixel-snapper's, but the best of all walks, not the first.
    """
    side = len(change) + 1
    lines = max(1, int(side / period))
    strength = np.sort(change)[-lines:].mean()
    gain = np.concatenate([[0.0], change / strength if strength > 0 else change, [0.0]])
    distance = np.arange(max(1, np.ceil(period * (1 - SLACK))), int(period * (1 + SLACK)) + 1).astype(np.intp)
    penalty = STIFFNESS * (distance / period - 1) ** 2
    best = gain.copy()
    before = np.zeros(side + 1, dtype=np.intp)
    for place in range(int(distance[0]) + 1, side):
        reached = place - distance[distance < place]
        value = best[reached] - penalty[: len(reached)]
        choice = int(value.argmax())
        if place > distance[-1] or value[choice] > 0:
            best[place] += value[choice]
            before[place] = reached[choice]
    last = max(1, side - int(distance[-1]))
    place = last + int(best[last:side].argmax()) if last < side else last
    found = []
    while place > 0:
        found.append(place)
        place = int(before[place])
    return _to_the_edges(np.array(found[::-1], dtype=np.float64), period, side)


def _to_the_edges(cuts: Cuts, period: float, side: int) -> Cuts:
    """With a cell more at either end where half of one or more is left over there."""
    if cuts[0] >= period / 2:
        cuts = np.concatenate([[cuts[0] - period], cuts])
    if side - cuts[-1] >= period / 2 or len(cuts) < 2:
        cuts = np.concatenate([cuts, [cuts[-1] + period]])
    return cuts
