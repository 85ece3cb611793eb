"""The chance to be the best, against exact enumeration of all resamplings."""

from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from rated import rated, run

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.people import rank
from stages.select.bootstrap import DRAWS, best_chances, resamplings
from stages.select.merit import SCORE_ALONE, Merit
from stages.select.paired import differences

ERROR = 4 * 0.5 / DRAWS**0.5
"""Four standard errors of a share, at most."""


def exact(epochs):
    """By definition: each outcome of the two stages, seeds of each drawn prompt by themselves, with its probability."""
    shares = np.zeros(len(epochs))
    prompts = range(len(epochs[0]))
    for drawn in product(prompts, repeat=len(prompts)):
        outcomes = list(product(*(product(range(len(epochs[0][p])), repeat=len(epochs[0][p])) for p in drawn)))
        for seeds in outcomes:
            means = [
                np.mean([np.mean([epoch[p][s] for s in own]) for p, own in zip(drawn, seeds, strict=True)])
                for epoch in epochs
            ]
            best = np.isclose(means, max(means), rtol=0, atol=1e-9)
            shares += best / best.sum() / len(outcomes)
    return shares / len(prompts) ** len(prompts)


CASES = {
    "three prompts, three epochs": [[[8], [5], [7]], [[7], [7.5], [6.5]], [[6], [6], [8.5]]],
    "ties within a resampling": [[[8], [5], [7]], [[8], [7], [5]]],
    "one prompt with three seeds": [[[8, 6, 7]], [[7, 7.4, 6.2]]],
    "two prompts with two seeds": [[[8, 6], [7, 5]], [[7, 7.5], [6, 6.1]], [[9, 3], [8, 5.5]]],
}


@pytest.mark.parametrize("case", CASES)
def test_chances_are_those_of_all_resamplings(epoch, case):
    epochs = [epoch(number, scores) for number, scores in enumerate(CASES[case], 1)]
    found = best_chances(epochs, SCORE_ALONE)
    assert list(found) == [one.number for one in epochs]
    assert list(found.values()) == pytest.approx(exact(CASES[case]), abs=ERROR)
    assert sum(found.values()) == pytest.approx(1)


def test_one_always_better_is_sure_however_hard_the_prompts(epoch):
    """Paired: the same prompts are drawn for both."""
    assert best_chances([epoch(1, [2, 9, 5, 7]), epoch(2, [2.1, 9.1, 5.1, 7.1])], SCORE_ALONE) == {1: 0, 2: 1}


def test_equal_epochs_share(epoch):
    found = best_chances([epoch(number, [0.1, 0.2, 0.7]) for number in (1, 2, 3)], SCORE_ALONE)
    assert list(found.values()) == pytest.approx([1 / 3] * 3)


def test_what_an_epoch_loses_as_a_whole_counts(epoch):
    """The pictures are better, the score is not: as where half of them are copies."""
    lossy = epoch(2, [9, 9]).model_copy(update={"score": 4.5})
    assert best_chances([epoch(1, [8, 8]), lossy], SCORE_ALONE) == {1: 1, 2: 0}


def test_chances_agree_with_the_standard_error_that_ties_go_by(epoch):
    """Over many prompts the bootstrap is normal, with the paired difference's standard error."""
    generator = np.random.default_rng(5)
    scores = generator.uniform(4, 8, (2, 60))
    scores[1] += scores[0].mean() - scores[1].mean()
    first, second = epoch(1, scores[0].tolist()), epoch(2, scores[1].tolist())
    gap = differences(first, second).error
    better = epoch(2, (scores[1] + gap).tolist())
    assert best_chances([first, better], SCORE_ALONE)[2] == pytest.approx(NormalDist().cdf(1), abs=0.02)


def test_order_of_the_pictures_does_not_matter(epoch):
    epochs = [epoch(1, [[8, 6], [7, 5]]), epoch(2, [[7, 7.5], [6, 6.1]])]
    mixed = [one.model_copy(update={"drawn": tuple(one.drawn[place] for place in (0, 2, 1, 3))}) for one in epochs]
    assert best_chances(mixed, SCORE_ALONE) == best_chances(epochs, SCORE_ALONE)


def test_people_count_as_far_as_they_weigh():
    trained = run(3, 6)
    ranking = rank(rated(trained, lambda number: -number), trained)
    assert best_chances(trained, Merit(ranking, 0.0)) == {1: 0, 2: 0, 3: 1}
    found = best_chances(trained, Merit(ranking, 1.0))
    assert found[1] > 0.5
    people = ranking.best
    alone = best_chances([one.model_copy(update={"score": 5, "pictures": 4}) for one in trained], Merit(ranking, 1.0))
    assert alone[1] == pytest.approx(people[1], abs=0.1), "where the score says the same of all, people decide"


def test_weights_of_a_resampling_add_up_to_one():
    (first, *_) = resamplings([3, 1, 2])
    assert first.shape[1] == 6
    assert first.sum(axis=1) == pytest.approx(1)
    assert np.concatenate(list(resamplings([3, 1, 2]))).mean(axis=0) == pytest.approx(
        [1 / 9, 1 / 9, 1 / 9, 1 / 3, 1 / 6, 1 / 6], abs=0.02
    )
    assert sum(map(len, resamplings([1, 1]))) == DRAWS


def test_epochs_of_different_prompts_are_refused(epoch):
    with pytest.raises(SpriteLoraError, match="epochs 1 and 2 have pictures of different prompts"):
        best_chances([epoch(1, [8, 8]), epoch(2, [8, 8, 8])], SCORE_ALONE)
