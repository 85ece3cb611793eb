"""Every sentence that a person may read."""

import re

import pytest
from rated import rated, run

from sprite_lora.results.people import rank
from sprite_lora.results.ratings import Ratings
from stages.select.choose import choose
from stages.select.merit import Merit
from stages.select.more import more_pictures
from stages.select.words import by_people, reasons, strengths, warnings


@pytest.fixture
def said(rule, words):
    """said(trained, base): the reasons and the warnings, each as one text."""

    def said(trained, base=None):
        choice = choose(trained, rule, base=base)
        mind = warnings(choice, trained, more_pictures(choice, rule))
        return " ".join(reasons(choice, base, len(trained), words)), " ".join(mind)

    return said


def test_margin_noise_reason_and_gain_are_said(epoch, said):
    trained = [epoch(1, [8, 8.5], things=0.5), epoch(2, [9, 9.1]), epoch(3, [5, 6])]
    why, mind = said(trained, epoch(0, [2, 2]))
    assert "Epoch 2 scores 9.05 of 10, 0.80 above the next, epoch 1 (standard error of the difference" in why
    assert "What sets it above epoch 1: things drawn as the prompts name them (0.90 against 0.50)." in why
    assert "The untouched base scores 2.00: the LoRA gains 7.05." in why
    assert mind == ""


def test_tie_is_said(epoch, said):
    why, mind = said([epoch(1, [8, 8]), epoch(2, [8, 8.02])])
    assert "Epoch 1 scores 8.00 of 10, a tie with epoch 2 (8.01)." in why
    assert "Epoch 2 scores 0.01 more (standard error 0.01), which counts as a tie by these 2 prompts;" in why
    assert "Epochs 1 and 2 tie by these 2 prompts; as far as the score sees, any will do." in mind


def test_between_epochs_that_are_not_usable_nothing_is_to_be_settled(epoch, said):
    assert said([epoch(1, [3, 3]), epoch(2, [3, 3.02])])[1] == "Epochs 1 and 2 tie by these 2 prompts."


def test_how_many_pictures_would_break_a_tie_is_said(epoch, said):
    """The difference is 0.3 in the mean, 1.273 in its standard deviation: 0.3 > 0.5 x 1.273 / sqrt(5)."""
    mind = said([epoch(1, [8, 8]), epoch(2, [9.2, 7.4])])[1]
    assert (
        "draw 3 more pictures per epoch, of other prompts, to tell 1 from 2, if these stay 0.30 points apart." in mind
    )


def test_chance_to_be_the_best_is_said(epoch, said):
    why = said([epoch(1, [8, 8]), epoch(2, [9.2, 7.4]), epoch(3, [1, 1])])[0]
    assert "Chance to be the best, had other prompts of this kind decided (bootstrap): " in why
    assert re.search(r": 7\d% for epoch 2, 2\d% for epoch 1\.", why)
    assert "Chance" not in said([epoch(1, [8, 8])])[0]


def test_a_higher_epoch_that_is_not_usable_is_said(epoch, said):
    why = said([epoch(1, [7, 7, 7, 7]), epoch(2, [10, 10, 10, 4]), epoch(3, [10, 10, 4, 4])])[0]
    assert "Epoch 2 scores 8.50" in why
    why = said([epoch(1, [7, 7, 7, 7]), epoch(2, [10, 10, 4.5, 4.5])])[0]
    assert "Epoch 1 scores 7.00 of 10; epoch 2 (7.25) is above it, but not usable." in why


def test_last_epoch_being_best_is_said(epoch, said):
    assert "train.max_train_epochs" in said([epoch(1, [7, 7]), epoch(2, [9, 9])])[1]
    assert "train.max_train_epochs" not in said([epoch(1, [9, 9]), epoch(2, [7, 7])])[1]
    assert "train.max_train_epochs" not in said([epoch(1, [9, 9])])[1]


def test_no_gain_over_the_base_is_no_reason(epoch, said):
    assert "gains" not in said([epoch(1, [3, 3]), epoch(2, [2, 2])], epoch(0, [4, 4]))[0]


def test_copies_are_said(epoch, said):
    why, mind = said([epoch(1, [7, 7], copies=0.1), epoch(2, [9, 9], copies=0.5)])
    assert "Epoch 2 (9.00) was passed over: 50% of it is copied" in why
    assert "no other epoch is free of copied sprites" in why
    assert "10% of its pictures" in mind


def test_collapsed_epochs_are_said(epoch, said):
    mind = said([epoch(1, [7, 7]), epoch(2, [0, 0]), epoch(3, [0, 0])])[1]
    assert "Collapsed, flat or black: epochs 2 and 3." in mind


def test_sameness_is_said(epoch, said):
    assert "hardly differ from prompt to prompt" in said([epoch(1, [7, 7], sameness=0.3)])[1]


def test_strengths_are_the_largest_three(epoch, words):
    better = epoch(1, [9], residual=1.0, edges=1.0, palette=1.0, stray=0.93, sameness=0.0)
    worse = epoch(2, [8], residual=0.5, edges=0.6, palette=0.7, stray=0.92, sameness=0.2)
    assert [text.split(" (")[0] for text in strengths(better, worse, words)] == [
        "cells of one colour",
        "contours on the grid",
        "a palette like the training sprites'",
    ]


def test_people_are_said_as_far_as_they_weigh(rule, words):
    trained = run(4, 6)
    ranking = rank(rated(trained, lambda number: number == 2), trained)
    alone = choose(trained, rule).chosen
    weighed = choose(trained, rule, Merit(ranking, 1.0))
    why = " ".join([*reasons(weighed, None, 4, words), *by_people(weighed, alone)])
    assert f"Epoch 2 scores 4.20 of 10, with people's ratings {weighed.merit.of(weighed.chosen):.2f}, " in why
    assert "the prompts and the ratings" in why
    assert "select.people is 1, and 36 ratings settle" in why
    assert "The score alone would select epoch 4 (4.40)." in why
    unheard = choose(trained, rule, Merit(ranking, 0.0))
    assert by_people(unheard, alone) == []
    (mind,) = [said for said in warnings(unheard, trained, None) if "People" in said]
    assert mind.startswith("People like epoch 2 best (")
    assert mind.endswith("weigh 0% in this choice (select.people).")


def test_nobody_having_rated_is_said_only_where_people_were_to_weigh(rule):
    trained = run(2, 2)
    nothing = rank(Ratings(), trained)
    wanted = " ".join(warnings(choose(trained, rule, Merit(nothing, 0.5)), trained, None))
    assert "select.people is 0.5, but nobody rated a pair of these pictures: the score alone decides." in wanted
    assert "rated" not in " ".join(warnings(choose(trained, rule, Merit(nothing, 0.0)), trained, None))
