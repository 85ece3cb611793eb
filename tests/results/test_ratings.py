"""ratings/ratings.json: one spelling for a set of answers, and one message for whatever else lies there."""

import json
import subprocess

import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.ratings import Rating, Ratings

A, B, C = (digit * 64 for digit in "abc")

hashes = st.sampled_from([digit * 64 for digit in "0123456789"])
answers = st.builds(
    lambda pair, better, by: Rating.of(*pair, better and pair[better - 1], by),
    st.tuples(hashes, hashes).filter(lambda pair: pair[0] != pair[1]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from(["me", "you", "guest-1a2b"]),
)


@given(st.lists(answers, max_size=12), st.randoms())
@examples(50, 2_000)
def test_a_set_of_answers_has_one_file_whatever_its_order(tmp_path, given, random):
    distinct = tuple({rating.key: rating for rating in given}.values())
    Ratings().with_all(distinct).write(tmp_path)
    text = (tmp_path / "ratings/ratings.json").read_text()
    assert sorted(Ratings.read(tmp_path).ratings, key=str) == sorted(distinct, key=str)
    mixed = random.sample(distinct, len(distinct))
    one_by_one = Ratings()
    for rating in mixed:
        one_by_one = one_by_one.with_all((rating,))
    one_by_one.write(tmp_path)
    assert (tmp_path / "ratings/ratings.json").read_text() == text
    assert len(text.splitlines()) == (len(distinct) + 2 if distinct else 1), "a line per rating"


@given(st.lists(answers, min_size=1, max_size=8))
@examples(30, 1_000)
def test_the_last_answer_counts_and_is_taken_back(given):
    ratings = Ratings().with_all(tuple(given))
    last = given[-1]
    assert last in ratings.ratings
    assert [rating.key for rating in ratings.without(last.key).ratings] == [
        rating.key for rating in ratings.ratings if rating.key != last.key
    ]


def test_a_pair_has_no_order():
    assert Rating.of(A, B, B, "me") == Rating.of(B, A, B, "me")
    assert Rating.of(B, A, None, "me").better == "equal"


def test_no_file_is_no_ratings(tmp_path):
    assert Ratings.read(tmp_path).ratings == ()


def test_a_new_answer_is_one_line_of_the_diff(tmp_path):
    ratings = Ratings().with_all((Rating.of(A, B, A, "me"), Rating.of(B, C, C, "me")))
    ratings.write(tmp_path)
    before = (tmp_path / "ratings/ratings.json").read_text()
    ratings.with_all((Rating.of(A, C, None, "me"),)).write(tmp_path)
    (tmp_path / "before").write_text(before)
    command = ["git", "diff", "--no-index", "--numstat", "before", "ratings/ratings.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split()[:2] == ["1", "0"]


GOOD = {"first": A, "second": B, "better": "first", "by": "me"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "JSON"),
        ("[", "JSON"),
        ("[" * 100_000, "JSON"),
        ("null", "object"),
        ("[]", "object"),
        ('{"ratings": [1]}', "ratings.0"),
        ({"ratings": [GOOD], "more": 1}, "more: Extra inputs"),
        ({"ratings": [GOOD, GOOD]}, "stands there twice"),
        ({"ratings": [GOOD | {"first": B, "second": A}]}, "smaller hash"),
        ({"ratings": [GOOD | {"first": A, "second": A}]}, "smaller hash"),
        ({"ratings": [GOOD | {"first": "../../etc/passwd"}]}, "ratings.0.first"),
        ({"ratings": [GOOD | {"first": A.upper()}]}, "ratings.0.first"),
        ({"ratings": [GOOD | {"first": A + "\n"}]}, "ratings.0.first"),
        ({"ratings": [GOOD | {"better": "left"}]}, "ratings.0.better"),
        ({"ratings": [GOOD | {"better": None}]}, "ratings.0.better"),
        ({"ratings": [GOOD | {"by": ""}]}, "ratings.0.by"),
        ({"ratings": [GOOD | {"by": "x" * 41}]}, "ratings.0.by"),
        ({"ratings": [GOOD | {"by": "a\x1b[31m"}]}, "ratings.0.by"),
        ({"ratings": [GOOD | {"by": "<b>"}]}, "ratings.0.by"),
        ({"ratings": [GOOD | {"\x1b[31mkey\n": 1}]}, r"ratings\.0\..\[31mkey"),
    ],
)
def test_anything_else_is_one_message(tmp_path, content, said):
    path = tmp_path / "ratings/ratings.json"
    path.parent.mkdir()
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(SpriteLoraError, match=said) as told:
        Ratings.read(tmp_path)
    message = str(told.value)
    assert message.count("\n") == 1
    assert message.isprintable() or message.replace("\n", "").isprintable()
    assert "git checkout -- ratings/ratings.json" in message


def test_a_file_that_is_too_large_or_no_file_is_refused(tmp_path):
    path = tmp_path / "ratings/ratings.json"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(SpriteLoraError, match="at most"):
        Ratings.read(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SpriteLoraError, match=r"ratings\.json"):
        Ratings.read(tmp_path)
