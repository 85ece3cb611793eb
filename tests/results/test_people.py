"""What people prefer: the ranking follows the answers, is honest about few, and is held against the score."""

import pytest
from rated import epoch, pixels, rated, run

from sprite_lora.results.people import people, rank
from sprite_lora.results.ratings import Rating, Ratings
from stages.select.choose import choose
from stages.select.merit import Merit


def order(ranking):
    return sorted(ranking.drawings.epochs, key=ranking.points, reverse=True)


def test_the_ranking_follows_the_answers():
    trained = run(4, 6)
    liked = {1: 2, 2: 4, 3: 1, 4: 3}
    ranking = rank(rated(trained, liked.get), trained)
    assert order(ranking) == [2, 4, 1, 3]
    assert ranking.best[2] > 0.9
    assert ranking.settled > 0.7
    found = people(ranking, 0)
    assert found is not None
    assert [each.ratings for each in found.epochs] == [3 * 6] * 4
    assert all(each.low < each.points < each.high for each in found.epochs)
    assert sum(each.best for each in found.epochs) == pytest.approx(1, abs=0.01)


def test_nothing_rated_is_no_ranking_and_no_weight():
    trained = run(3, 2)
    ranking = rank(Ratings(), trained)
    assert people(ranking, 0) is None
    assert ranking.settled == 0
    assert Merit(ranking, 1.0).of(trained[0]) == trained[0].score


def test_one_answer_moves_little_and_many_answers_of_one_prompt_less_than_of_many():
    trained = run(3, 8)
    everything = rated(trained, {1: 3, 2: 2, 3: 1}.get)
    one = rank(Ratings(ratings=everything.ratings[:1]), trained)
    assert one.settled < 0.2
    assert max(one.best.values()) < 0.6
    three = {pixels(number, "prompt0") for number in (1, 2, 3)}
    repeated = [
        Rating(first=r.first, second=r.second, better=r.better, by=f"rater{n}")
        for r in everything.ratings if r.first in three for n in range(8)
    ]  # fmt: skip
    assert len(repeated) == len(everything.ratings)
    on_one_prompt = rank(Ratings().with_all(tuple(repeated)), trained)
    assert on_one_prompt.settled < rank(everything, trained).settled - 0.15


def test_ratings_of_other_pictures_do_not_count():
    trained = run(3, 2)
    other = rated(tuple(epoch(n, {"else": 5.0}) for n in (1, 2)), float)
    across = Rating.of(pixels(1, "prompt0"), pixels(2, "prompt1"), None, "me")
    assert people(rank(other.with_all((across,)), trained), 0) is None


def test_an_equal_picture_of_two_epochs_speaks_for_both_by_half():
    names = {"p": 5.0}
    same = {"p": pixels(2, "p")}
    trained = (epoch(1, names), epoch(2, names), epoch(3, names, same))
    ranking = rank(Ratings(ratings=(Rating.of(pixels(1, "p"), pixels(2, "p"), pixels(2, "p"), "me"),)), trained)
    assert ranking.points(2) == pytest.approx(ranking.points(3), abs=0.1)
    assert ranking.points(2) > ranking.points(1)
    assert list(ranking.drawings.prompts["p"]) == [pixels(1, "p"), pixels(2, "p")]


def test_agreement_is_the_share_of_the_decided_pairs():
    trained = run(4, 5)  # the score rises with the epoch
    with_score = people(rank(rated(trained, float), trained), 0)
    against = people(rank(rated(trained, lambda number: -number), trained), 0)
    assert with_score is not None
    assert against is not None
    assert with_score.agreement is not None
    assert against.agreement is not None
    assert (with_score.agreement.share, with_score.agreement.correlation) == (1, 1)
    assert (against.agreement.share, against.agreement.correlation) == (0, -1)
    # Wilson's interval of 30 of 30: the lower end is n / (n + z^2).
    assert with_score.agreement.low == pytest.approx(30 / (30 + 1.6449**2), abs=1e-3)
    ties = people(rank(rated(trained, lambda number: 0), trained), 0)
    assert ties is not None
    assert ties.agreement is None


def test_weight_moves_the_choice_from_score_to_people(rule):
    trained = run(4, 6)
    ranking = rank(rated(trained, lambda number: number == 2), trained)
    assert choose(trained, rule, Merit(ranking, 0.0)).chosen.number == choose(trained, rule).chosen.number == 4
    assert choose(trained, rule, Merit(ranking, 1.0)).chosen.number == 2


@pytest.fixture
def rule():
    from sprite_lora.scoring.select_params import Select

    return Select(tie_points=0.05, tie_standard_errors=0.5, copied_limit=0.25)
