from collections import Counter

import pytest

from stages.train.native.batch import BatchPlan, entries, epoch_batches, step_batches


def plan(pictures=7, repeats=2, batch=4, accumulation=1, processes=1, epochs=3):
    return BatchPlan(entries(pictures, repeats, []), batch, accumulation, processes, epochs)


def test_numbers_of_the_files_that_kohya_wrote():
    """4 pictures, 2 repeats: 2 batches of 4 and 4 steps in 2 epochs; 4 batches of 2 and 8 steps."""
    assert (plan(4, 2, 4, epochs=2).batches_per_epoch, plan(4, 2, 4, epochs=2).steps) == (2, 4)
    assert (plan(4, 2, 2, epochs=2).batches_per_epoch, plan(4, 2, 2, epochs=2).steps) == (4, 8)


@pytest.mark.parametrize(
    ("arguments", "per_epoch"),
    [
        ({}, 4),
        ({"accumulation": 2}, 2),
        ({"accumulation": 3}, 2),
        ({"processes": 3}, 2),
        ({"processes": 2, "accumulation": 2}, 1),
    ],
)
def test_steps_are_rounded_up_per_epoch(arguments, per_epoch):
    """max_train_steps = epochs * ceil(batches / processes / accumulation)."""
    assert plan(**arguments).steps_per_epoch == per_epoch
    assert plan(**arguments).steps == 3 * per_epoch


@pytest.mark.parametrize("epoch", range(4))
def test_each_picture_is_seen_num_repeats_times_per_epoch(epoch):
    batches = epoch_batches(plan(), 42, epoch)
    assert Counter(index for batch in batches for index in batch) == dict.fromkeys(range(7), 2)
    assert sorted(map(len, batches)) == [2, 4, 4, 4]


def test_order_is_a_function_of_seed_and_epoch():
    assert epoch_batches(plan(), 42, 1) == epoch_batches(plan(), 42, 1)
    assert epoch_batches(plan(), 42, 1) != epoch_batches(plan(), 42, 2)
    assert epoch_batches(plan(), 42, 1) != epoch_batches(plan(), 43, 1)


@pytest.mark.parametrize(("accumulation", "processes"), [(1, 1), (3, 1), (1, 3), (2, 2), (4, 1)])
def test_all_batches_of_an_epoch_are_seen(accumulation, processes):
    some = plan(accumulation=accumulation, processes=processes)
    rounds = [numbers for step in range(some.steps_per_epoch) for numbers in step_batches(some, step)]
    assert all(len(numbers) == processes for numbers in rounds)
    seen = [number for numbers in rounds for number in numbers]
    assert seen[: some.batches_per_epoch] == list(range(some.batches_per_epoch))
    assert len(seen) - some.batches_per_epoch < processes, "only the last round goes on at the beginning"


def test_two_processes_see_what_one_with_accumulation_sees():
    two, one = plan(processes=2), plan(accumulation=2)
    for step in range(2):
        flat = [number for numbers in step_batches(one, step) for number in numbers]
        assert [number for numbers in step_batches(two, step) for number in numbers] == flat


def test_regularisation_pictures_go_round_until_they_are_as_many():
    """10 training pictures; 3 with repeats 1, 1, 4: first round 6, then one more each: 7, 8, 9, 10."""
    all_of = Counter(entries(5, 2, [1, 1, 4]))
    assert [all_of[index] for index in range(5)] == [2] * 5
    assert [all_of[5 + index] for index in range(3)] == [1 + 2, 1 + 1, 4 + 1]


def test_more_regularisation_pictures_than_training_pictures_are_cut():
    assert entries(2, 1, [1] * 5) == [0, 1, 2, 3]
    assert entries(2, 1, []) == [0, 1]
