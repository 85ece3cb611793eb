"""The rule: the best by score, the earlier on a tie, copies passed over."""

from math import sqrt

import pytest

from sprite_lora.scoring.select_params import Select
from stages.select.choose import choose
from stages.select.paired import differences


def test_best_score_wins(epoch, rule):
    choice = choose([epoch(1, [4, 5]), epoch(2, [8, 9]), epoch(3, [6, 7])], rule)
    assert (choice.chosen.number, choice.best.number, choice.runner_up.number) == (2, 2, 3)
    assert [one.number for one in choice.tied] == [2]


def test_earlier_epoch_wins_a_tie(epoch, rule):
    choice = choose([epoch(1, [4, 5]), epoch(2, [8, 9]), epoch(3, [8, 9.08])], rule)
    assert choice.chosen.number == 2
    assert choice.best.number == 3
    assert [one.number for one in choice.tied] == [2, 3]


def test_exact_tie_goes_to_the_earlier(epoch):
    strict = Select(tie_points=0, tie_standard_errors=0, copied_limit=1)
    assert choose([epoch(1, [8, 9]), epoch(2, [9, 8])], strict).chosen.number == 1


def test_noise_over_the_prompts_makes_a_tie(epoch, rule):
    """0.25 points on average, but one prompt likes the one and one the other: not to be told apart."""
    first, second = epoch(1, [9, 7, 8, 6]), epoch(2, [7, 9, 7, 8])
    assert second.score - first.score == pytest.approx(0.25)
    assert choose([first, second], rule).chosen.number == 1


def test_the_same_gain_on_every_prompt_is_no_tie(epoch, rule):
    """Paired: prompts of very different difficulty, and each of them 0.25 better."""
    first, second = epoch(1, [9, 2, 8, 5]), epoch(2, [9.25, 2.25, 8.25, 5.25])
    assert choose([first, second], rule).chosen.number == 2


def test_spread_is_the_standard_error_of_the_paired_difference(epoch):
    assert differences(epoch(1, [5, 6, 9]), epoch(2, [4, 4, 6])).error == pytest.approx(1 / sqrt(3))
    assert differences(epoch(1, [5]), epoch(2, [4])).error == 0


def test_copies_are_passed_over(epoch, rule):
    choice = choose([epoch(1, [7, 7]), epoch(2, [9, 9], copies=0.5)], rule)
    assert choice.chosen.number == 1
    assert [one.number for one in choice.passed_over] == [2]


def test_copies_are_taken_where_all_copy(epoch, rule):
    choice = choose([epoch(1, [7, 7], copies=0.3), epoch(2, [9, 9], copies=0.5)], rule)
    assert choice.chosen.number == 2
    assert not choice.passed_over


def test_only_epoch(epoch, rule):
    choice = choose([epoch(4, [5])], rule)
    assert choice.chosen.number == 4
    assert choice.runner_up is None
