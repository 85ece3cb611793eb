"""Which pair comes next, and what is kept of an answer."""

from collections import Counter

import numpy as np
import pytest
from rated import epoch, pixels, rated, run

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.pairs import all_pairs, balanced, most_telling
from sprite_lora.results.people import Drawings, rank
from sprite_lora.results.ratings import Rating, Ratings
from tools.review.session import Answer, Session


def say(session, turn, answer):
    return session.answer(Answer(left=turn.pair.left, right=turn.pair.right, answer=answer))


def test_every_answer_is_kept_at_once_and_a_new_sitting_goes_on(tmp_path):
    session = Session(run(3, 2), "me", tmp_path, seed=1)
    turn = session.turn()
    assert (turn.rated, turn.pairs, turn.ratings) == (0, 6, 0)
    for answer in ("left", "right", "equal"):
        turn = say(session, turn, answer)
        assert len(Ratings.read(tmp_path).ratings) == turn.rated
    again = Session(run(3, 2), "me", tmp_path, seed=2).turn()
    assert (again.rated, again.ratings) == (3, 3)
    assert Session(run(3, 2), "you", tmp_path, seed=2).turn().rated == 0, "another person sees every pair"


def test_no_pair_comes_twice_until_all_are_rated(tmp_path):
    session = Session(run(4, 2), "me", tmp_path, seed=0)
    turn, seen = session.turn(), []
    for _ in range(turn.pairs):
        assert not turn.repeats
        seen.append(frozenset((turn.pair.left, turn.pair.right)))
        turn = say(session, turn, "left")
    assert len(set(seen)) == len(seen) == 12
    assert turn.repeats
    say(session, turn, "equal")
    assert len(Ratings.read(tmp_path).ratings) == 12, "an answer to a pair takes the place of the earlier one"


def test_a_skipped_pair_waits_for_the_others(tmp_path):
    session = Session(run(3, 1), "me", tmp_path, seed=0)
    turn = session.turn()
    skipped = {turn.pair.left, turn.pair.right}
    turn = say(session, turn, "skip")
    for _ in range(2):
        assert {turn.pair.left, turn.pair.right} != skipped
        turn = say(session, turn, "right")
    assert {turn.pair.left, turn.pair.right} == skipped


def test_undo_restores_what_was_said_before(tmp_path):
    trained = run(3, 1)
    session = Session(trained, "me", tmp_path, seed=0)
    first = session.turn()
    say(session, first, "left")
    once = Ratings.read(tmp_path)
    session.answer(Answer(left=first.pair.left, right=first.pair.right, answer="equal"))
    assert session.undo().pair == first.pair
    assert Ratings.read(tmp_path) == once
    assert session.undo().pair == first.pair
    assert Ratings.read(tmp_path).ratings == ()
    session.undo()  # nothing left: no error
    turn = say(session, session.turn(), "skip")
    assert turn.rated == 0
    session.undo()
    assert session.skipped == set()


def test_what_others_rate_meanwhile_stays(tmp_path):
    session = Session(run(3, 1), "me", tmp_path, seed=0)
    other = Rating.of("a" * 64, "b" * 64, None, "you")
    Ratings(ratings=(other,)).write(tmp_path)
    say(session, session.turn(), "left")
    assert other in Ratings.read(tmp_path).ratings
    session.undo()
    assert Ratings.read(tmp_path).ratings == (other,)


def test_answers_to_other_pictures_are_refused(tmp_path):
    session = Session(run(2, 2), "me", tmp_path)
    for left, right in (
        (pixels(1, "prompt0"), pixels(2, "prompt1")),
        (pixels(1, "prompt0"), "f" * 64),
        (pixels(1, "prompt0"), pixels(1, "prompt0")),
    ):
        with pytest.raises(SpriteLoraError, match="no two pictures of one prompt"):
            session.answer(Answer(left=left, right=right, answer="left"))
    assert not (tmp_path / "ratings").exists()


def test_equal_pictures_are_one_and_none_to_compare_is_said(tmp_path):
    same = {"p": "a" * 64}
    twins = (epoch(1, {"p": 5.0}, same), epoch(2, {"p": 5.0}, same))
    with pytest.raises(SpriteLoraError, match="nothing to compare"):
        Session(twins, "me", tmp_path)
    assert all_pairs(Drawings((*twins, epoch(3, {"p": 5.0})))) == [tuple(sorted(("a" * 64, pixels(3, "p"))))]


def test_both_sides_come_up(tmp_path):
    session = Session(run(2, 1), "me", tmp_path, seed=0)
    assert {session.turn().pair.left for _ in range(20)} == {pixels(1, "prompt0"), pixels(2, "prompt0")}


def test_the_pair_that_tells_most_is_of_epochs_that_nobody_knows():
    """Epochs 1 and 2 are told apart by 6 prompts; nobody compared 3."""
    trained = run(3, 7)
    known = rated(trained[:2], float)
    known = Ratings(ratings=tuple(r for r in known.ratings if pixels(1, "prompt6") not in (r.first, r.second)))
    ranking = rank(known, trained)
    generator = np.random.default_rng(0)
    for _ in range(10):
        pair = most_telling(ranking, all_pairs(ranking.drawings), generator)
        assert {pixels(3, f"prompt{n}") for n in range(7)} & set(pair)


def test_thirty_answers_of_a_sure_rater_find_the_best_of_six_epochs(tmp_path):
    trained = run(6, 4)
    by = {pixels(number, f"prompt{n}"): number for number in range(1, 7) for n in range(4)}
    session = Session(trained, "me", tmp_path, seed=5)
    turn = session.turn()
    for _ in range(30):
        turn = say(session, turn, "left" if by[turn.pair.left] > by[turn.pair.right] else "right")
    ranking = rank(Ratings.read(tmp_path), trained)
    assert max(ranking.best, key=lambda epoch: ranking.best[epoch]) == 6
    assert turn.sure > 0.6


def test_the_pages_own_order_is_balanced_from_the_start():
    drawings = Drawings(run(5, 4))
    order = balanced(drawings, 1000, np.random.default_rng(0))
    assert sorted(order) == sorted(all_pairs(drawings))
    number = {picture: int(share.argmax()) for picture, share in drawings.shares.items()}
    epochs = Counter(number[picture] for pair in order[:10] for picture in pair)
    together = Counter(frozenset(number[picture] for picture in pair) for pair in order[:10])
    assert set(epochs.values()) == {4}
    assert set(together.values()) == {1}
    assert set(Counter(drawings.prompt(*pair) for pair in order[:20]).values()) == {5}
    assert balanced(drawings, 7, np.random.default_rng(0)) == order[:7]
