"""Answers of a downloaded file, and files that only look like one."""

import pytest
from click.testing import CliRunner

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.ratings import Rating, Ratings
from tools.review.command import alone, command
from tools.review.merge import merge


@pytest.fixture
def download(project, trained):
    """download(by, answer): a file with the answer to two pairs of the run and to one of another."""
    one, other = trained[0].drawn, trained[1].drawn

    def download(by, better):
        pairs = [(one[0].pixels, other[0].pixels), (one[1].pixels, other[1].pixels), ("a" * 64, "b" * 64)]
        answers = tuple(Rating.of(*pair, None if better is None else pair[better], by) for pair in pairs)
        Ratings().with_all(answers).write(project / "sent")
        return project / "sent/ratings/ratings.json"

    return download


def test_new_changed_and_known_answers_are_counted(project, download):
    said = merge(download("guest-1", 0), None)
    assert "3 answers of guest-1: 3 new, 0 in place of earlier ones, 0 known already" in said
    assert "2 are of this run's pictures" in said
    assert "0 new, 0 in place of earlier ones, 3 known already" in merge(download("guest-1", 0), None)
    assert "0 new, 3 in place of earlier ones" in merge(download("guest-1", 1), None)
    assert "3 new" in merge(download("guest-2", 1), None)
    assert len(Ratings.read().ratings) == 6


def test_another_name_is_given_to_one_person_alone(project, download):
    merge(download("guest-1", 0), "anna")
    assert {rating.by for rating in Ratings.read().ratings} == {"anna"}
    file = download("guest-1", 0)
    (both := Ratings.load(file).with_all((Rating.of("a" * 64, "b" * 64, None, "bea"),))).write(project / "sent")
    with pytest.raises(SpriteLoraError, match="holds answers of bea, guest-1"):
        merge(file, "anna")
    assert both


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"ratings": [{"first": "x"}]}', "[" * 100_000, '{"ratings": 1e999}']
)
def test_a_hostile_file_changes_nothing(project, download, content):
    merge(download("guest-1", 0), None)
    before = (project / "ratings/ratings.json").read_bytes()
    file = project / "evil\x1b[31m.json"
    file.write_text(content)
    with pytest.raises(SpriteLoraError, match="no file of ratings"):
        merge(file, None)
    assert (project / "ratings/ratings.json").read_bytes() == before


def test_a_missing_file_a_bad_name_and_a_second_start_are_one_message(project):
    done = CliRunner().invoke(command, ["--by", "<script>"])
    assert done.exit_code == 2
    assert "at most 40 letters" in done.output
    with pytest.raises(SpriteLoraError, match="does not exist"):
        merge(project / "none.json", None)
    with alone(), pytest.raises(SpriteLoraError, match="runs in this project already"), alone():
        pass
    with alone():
        pass
