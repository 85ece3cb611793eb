"""Uses, batches and steps by kohya's accounting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.kohya.steps import batches_per_epoch, regularisation_uses, rounds_per_epoch, steps_per_epoch


def test_the_seeds_own_figures():
    """203 pictures, 10 repeats, batch 2: 2030 samples, 1015 steps an epoch (its training log)."""
    assert steps_per_epoch(203 * 10, 2, 1, 1) == 1015


@given(*[st.integers(1, n) for n in (6000, 16, 4, 8)])
def test_steps_are_kohyas(uses, batch, processes, accumulation):
    """sd-scripts `train_network.py`: ceil(len(train_dataloader) / num_processes / gradient_accumulation_steps)."""
    batches = len(range(0, uses, batch))
    whole, rest = divmod(batches, accumulation * processes)
    assert batches_per_epoch(uses, batch) == batches
    assert rounds_per_epoch(uses, batch, processes) == len(range(0, batches, processes))
    assert steps_per_epoch(uses, batch, processes, accumulation) == whole + bool(rest)


@pytest.mark.parametrize(
    ("training", "repeats", "uses"),
    [
        (10, [1, 1, 4], [3, 2, 5]),
        (4, [1] * 6, [1, 1, 1, 1, 0, 0]),
        (3, [5], [5]),
        (3, [], []),
    ],
)
def test_regularisation_pictures_go_round_until_they_are_as_many(training, repeats, uses):
    """10 uses of 3 pictures with repeats 1, 1, 4: 6 in the first round, then one more each: 7, 8, 9, 10."""
    assert regularisation_uses(training, repeats) == uses
