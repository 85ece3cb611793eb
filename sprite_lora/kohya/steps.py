"""Uses of pictures, batches and steps of an epoch, counted as kohya counts them (sd-scripts `train_network.py`).

All pictures have one size, so there is one bucket; its short last batch is kept.
"""

import math
from collections.abc import Sequence


def regularisation_uses(training: int, repeats: Sequence[int]) -> list[int]:
    """How often each regularisation picture is used in an epoch with `training` uses of training pictures.

    `repeats`: of each regularisation picture. In turn, each with its repeats, and round again one by one, until there
    are as many uses as of training pictures; where there are more pictures, the rest is not seen (kohya's
    `DreamBoothDataset`).
    """
    counts = [0] * len(repeats)
    uses = turn = 0
    while repeats and uses < training:
        index = turn % len(repeats)
        more = repeats[index] if turn < len(repeats) else 1
        counts[index] += more
        uses, turn = uses + more, turn + 1
    return counts


def batches_per_epoch(uses: int, batch_size: int) -> int:
    """Batches that hold all uses of pictures of an epoch."""
    return math.ceil(uses / batch_size)


def rounds_per_epoch(uses: int, batch_size: int, processes: int) -> int:
    """Batches that each process takes; the processes take one each at a time."""
    return math.ceil(batches_per_epoch(uses, batch_size) / processes)


def steps_per_epoch(uses: int, batch_size: int, processes: int, accumulation: int) -> int:
    """Optimizer steps; the last of an epoch may gather fewer batches."""
    return math.ceil(rounds_per_epoch(uses, batch_size, processes) / accumulation)
