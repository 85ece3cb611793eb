"""Whether an epoch is usable; how many pictures would break a tie."""

from math import sqrt
from statistics import fmean, stdev

import pytest
from rated import rated, run

from sprite_lora.results.people import rank
from sprite_lora.scoring.select_params import ProductionReady, Select
from stages.select.choose import choose
from stages.select.merit import Merit
from stages.select.more import MOST, more_pictures
from stages.select.usable import objections


@pytest.fixture
def strict():
    ready = ProductionReady(least_score=7, failed_below=5, most_failed=0.25)
    return Select(tie_points=0.05, tie_standard_errors=1, copied_limit=0.25, production_ready=ready)


def test_usable_up_to_each_limit(epoch, strict):
    assert objections(epoch(1, [7, 7, 7, 7], copies=0.25), strict, epoch(0, [6.99])) == []
    assert objections(epoch(1, [9, 9, 9, 4.99]), strict, None) == []


@pytest.mark.parametrize(
    ("scores", "marks", "base", "said"),
    [
        ([6.8, 7, 7, 7], {}, [1], "Epoch 1 scores 6.95 of 10, less than 7 (select.production_ready.least_score)."),
        ([9, 9, 4.9, 4.9, 9, 9, 9], {}, [1], "2 of its 7 pictures score less than 5; at most 25% may"),
        ([8, 8], {}, [8], "It does not beat the untouched base (8.00)"),
        ([8, 8], {"copies": 0.26}, [1], "26% of it is copied from training sprites; at most 25% may be"),
    ],
)
def test_each_objection_alone(epoch, strict, scores, marks, base, said):
    (found,) = objections(epoch(1, scores, **marks), strict, epoch(0, base))
    assert found.startswith(said)


def test_a_usable_epoch_is_taken_before_a_better_one_that_is_not(epoch, strict):
    choice = choose([epoch(1, [7.2, 7.2, 7.2]), epoch(2, [9.9, 9.9, 4])], strict)
    assert (choice.chosen.number, choice.objections) == (1, ())
    assert choice.runner_up.number == 2
    assert choice.margin < 0


def test_a_tie_goes_to_no_earlier_epoch_that_is_not_usable(epoch, strict):
    assert choose([epoch(1, [6.98, 6.98]), epoch(2, [7.01, 7.01])], strict).chosen.number == 2


def test_none_is_usable(epoch, strict):
    choice = choose([epoch(1, [2, 3]), epoch(2, [3, 4])], strict)
    assert choice.chosen.number == 2
    assert len(choice.objections) == 2


def test_where_none_is_usable_a_tie_goes_to_no_earlier_one(epoch, strict):
    choice = choose([epoch(1, [3, 3]), epoch(2, [3.04, 3.04]), epoch(3, [3.04, 3.04])], strict)
    assert choice.chosen.number == 2
    assert [one.number for one in choice.tied] == [1, 2, 3]


def test_a_base_that_cannot_draw_the_subject_is_not_saved_by_its_gain(epoch, rule):
    """Defaults: icons on a base of portraits gain 1.81, and none is usable."""
    choice = choose([epoch(3, [2.4, 3.2])], rule, base=epoch(0, [0.9, 1.08]))
    assert choice.objections[0].startswith("Epoch 3 scores 2.80 of 10")


def by_trial(first, second, asked):
    """The fewest prompts at which the same mean and deviation are more than `asked` standard errors."""
    found = [a - b for a, b in zip(first, second, strict=True)]
    count = len(found)
    while abs(fmean(found)) <= asked * stdev(found) / sqrt(count):
        count += 1
    return count - len(found)


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        ([7, 8, 9, 6], [8, 7.5, 9.5, 6], 1.0),
        ([7, 8, 9, 6], [8, 7.5, 9.5, 6], 1.64),
        ([6, 9, 6, 9, 7], [7.5, 7, 8, 8, 8], 1.0),
        ([6, 9, 6, 9, 7], [7.5, 7, 8, 8, 8], 2.0),
    ],
)
def test_more_pictures_break_the_tie_and_one_fewer_does_not(epoch, first, second, asked):
    rule = Select(tie_points=0, tie_standard_errors=asked, copied_limit=1)
    choice = choose([epoch(1, first), epoch(2, second)], rule)
    assert len(choice.tied) == 2
    assert more_pictures(choice, rule) == by_trial(first, second, asked)


def test_with_several_seeds_each_new_prompt_has_all(epoch, strict):
    """Two prompts whose means are those of single pictures need as many prompts more, each of three pictures."""
    single = [epoch(1, [8, 8]), epoch(2, [9.2, 7.38])]
    several = [epoch(1, [[8, 8, 8], [8, 8, 8]]), epoch(2, [[9, 9.2, 9.4], [7.28, 7.38, 7.48]])]
    assert more_pictures(choose(several, strict), strict) == 3 * more_pictures(choose(single, strict), strict)


def test_nothing_is_said_where_it_would_not_help(epoch, strict):
    def more(*scores):
        choice = choose([epoch(number, one) for number, one in enumerate(scores, 1)], strict)
        return more_pictures(choice, strict)

    assert more([8, 8]) is None, "the only epoch"
    assert more([8, 8], [9, 9.1]) is None, "no tie"
    assert more([8, 8], [8.04, 8.04]) is None, "within tie_points, whatever is drawn"
    assert more([7, 9], [9, 7.12]) is None, f"more than {MOST}"


def test_ratings_that_are_missing_are_not_made_up_for_by_pictures(strict):
    trained = run(2, 3)
    weighed = Merit(rank(rated(trained, lambda _: 0), trained), 0.5)
    choice = choose(trained, strict, weighed)
    assert len(choice.tied) == 2
    assert more_pictures(choice, strict) is None
