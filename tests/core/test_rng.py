import torch

from sprite_lora.core import rng


def test_draws_are_functions_of_seed_purpose_and_place():
    one = rng.normal((3, 4), 42, "noise", 7)
    torch.manual_seed(5)
    assert torch.equal(one, rng.normal((3, 4), 42, "noise", 7))
    for other in ((43, "noise", 7), (42, "offset", 7), (42, "noise", 8), (42, "noise", 7, 0), (42, "noise", "7", "x")):
        assert not torch.equal(one, rng.normal((3, 4), *other))


def test_global_random_state_is_left_alone():
    state = torch.get_rng_state()
    rng.normal((3,), 1, "a")
    rng.uniform((3,), 1, "a")
    rng.permutation(5, 1, "a")
    assert torch.equal(torch.get_rng_state(), state)


def test_keys_do_not_run_into_each_other():
    assert rng.key(1, "a", 1, 23) != rng.key(1, "a", 12, 3)


def test_keys_stay_the_same_for_ever():
    """A state that was saved by an earlier release must be resumed to the same bytes."""
    assert rng.key(42, "noise", 0) == 1948580212742351494
    assert rng.permutation(5, 42, "order", 0) == [0, 1, 3, 2, 4]


def test_permutation_holds_every_number_once():
    assert sorted(rng.permutation(100, 1, "x")) == list(range(100))


def test_distributions():
    assert abs(rng.normal((100_000,), 1, "n").mean()) < 0.01
    assert abs(rng.normal((100_000,), 1, "n").std() - 1) < 0.01
    drawn = rng.uniform((100_000,), 1, "u")
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.01
