"""The stage as it is run: the right file, byte for byte, with its record, or one clear message."""

import json
from pathlib import Path

import pytest
import yaml

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.core.sums import write_sums
from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.selection import Selection
from stages.select.__main__ import main
from stages.select.checkpoints import run_name


def test_selected_file_is_the_checkpoint_byte_for_byte(project, epoch, capsys):
    root = project([epoch(0, [1, 2]), epoch(1, [6, 7]), epoch(2, [8, 9]), epoch(3, [7, 8])])
    main()
    checkpoint = root / "outputs/checkpoints/punk-000002.safetensors"
    assert (root / "outputs/selected/punk.safetensors").read_bytes() == checkpoint.read_bytes()
    assert sorted(path.name for path in (root / "outputs/selected").iterdir()) == ["punk.safetensors", "record.json"]
    found = json.loads((root / "reports/select.json").read_text())
    assert (found["epoch"], found["runner_up"], found["margin"], found["gain"]) == (2, 3, 1.0, 7.0)
    assert found["checkpoint"] == "punk-000002.safetensors"
    record = json.loads((root / "outputs/selected/record.json").read_text())
    assert record["selection"] == found
    assert (record["checkpoint"]["stage"], record["checkpoint"]["epoch"]) == ("train", 2), "kept, though not read"
    summary = json.loads((root / "reports/select_summary.json").read_text())
    assert summary == {"selected": {"epoch": 2, "score": 8.5, "gain": 7.0}}
    assert "Epoch 2 scores 8.50 of 10" in capsys.readouterr().out


def test_base_is_never_selected(project, epoch, capsys):
    root = project([epoch(0, [9, 9]), epoch(1, [3, 3]), epoch(2, [2, 2])])
    main()
    assert json.loads((root / "reports/select.json").read_text())["epoch"] == 1
    out = capsys.readouterr().out
    assert "none is usable:\n- Epoch 1 scores 3.00 of 10, less than 6.5" in out
    assert "- It does not beat the untouched base (9.00)" in out


def test_how_sure_and_whether_usable_are_written(project, epoch):
    root = project([epoch(0, [1, 1, 1]), epoch(1, [7, 8, 9]), epoch(2, [7.5, 7.5, 9.5]), epoch(3, [9, 9, 9], copies=1)])
    main()
    found = Selection.read(root)
    assert [chance.epoch for chance in found.chances] == [1, 2]
    assert sum(chance.best for chance in found.chances) == pytest.approx(1, abs=2e-4)
    assert found.chance(2) > found.chance(1) > 0
    assert (found.chance(3), found.chance(0)) == (None, None)
    assert (found.usable, found.reasons_against) == (True, ())
    assert (found.epoch, found.tied, found.more_pictures) == (1, (1, 2), 10)
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("least_score: 6.5", "least_score: 9"))
    main()
    found = Selection.read(root)
    assert not found.usable
    assert found.reasons_against == ("Epoch 2 scores 8.17 of 10, less than 9 (select.production_ready.least_score).",)


def test_params_of_before_are_read_as_they_are(project, epoch):
    root = project([epoch(1, [6.6, 6.6])])
    params = yaml.safe_load((root / "params.yaml").read_text())
    del params["select"]["production_ready"]
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    main()
    assert Selection.read(root).usable


def test_people_turn_the_choice_as_far_as_they_weigh(project, epoch):
    trained = [epoch(1, [7, 7, 7]), epoch(2, [8, 8, 8])]
    root = project(trained)
    preferred = [(one.pixels, other.pixels) for one, other in zip(trained[0].drawn, trained[1].drawn, strict=True)]
    answers = [Rating.of(*pair, pair[0], by) for pair in preferred for by in ("me", "you")]
    Ratings().with_all(tuple(answers)).write(root)
    main()
    found = Selection.read(root)
    assert (found.epoch, found.people.weight, found.people.raters, found.people.ratings) == (2, 0, 2, 6)
    assert found.people.epochs[0].points > 6 > found.people.epochs[1].points
    assert (found.people.agreement.pairs, found.people.agreement.agree) == (6, 0)
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("people: 0.0", "people: 1.0"))
    main()
    found = Selection.read(root)
    assert (found.epoch, found.people.weight) == (1, found.people.settled)
    assert found.margin is not None
    assert found.margin > 0
    assert any(reason.startswith("People weigh") for reason in found.reasons)


def test_damaged_ratings_are_refused(project, epoch):
    root = project([epoch(1, [6, 7])])
    (root / "ratings").mkdir()
    (root / "ratings/ratings.json").write_text("{")
    with pytest.raises(SpriteLoraError, match=r"ratings/ratings\.json: no file of ratings"):
        main()
    assert not (root / "outputs/selected").exists()


def test_checkpoint_is_found_by_its_weights_not_by_its_name(project, epoch):
    root = project([epoch(1, [6, 7]), epoch(2, [8, 9])])
    folder = root / "outputs/checkpoints"
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "punk.safetensors").write_bytes(content["punk-000001.safetensors"])
    (folder / "punk-000001.safetensors").write_bytes(content["punk.safetensors"])
    main()
    assert (root / "outputs/selected/punk.safetensors").read_bytes() == content["punk.safetensors"]


def test_equal_weights_are_told_apart_by_their_epoch(project, epoch):
    """A learning rate of 0: every epoch holds the same tensors."""
    first = epoch(1, [6, 7])
    root = project([first, *(epoch(number, [6, 7], checkpoint=first.checkpoint) for number in (2, 3))])
    main()
    assert json.loads((root / "reports/select.json").read_text())["checkpoint"] == "punk-000001.safetensors"


def test_pictures_of_another_run_are_refused(project, epoch):
    root = project([epoch(1, [6, 7]), epoch(2, [8, 9])])
    (root / "outputs/checkpoints/punk.safetensors").unlink()
    with pytest.raises(SpriteLoraError, match=r"no checkpoint in outputs/checkpoints drew the pictures of epoch 2"):
        main()


def test_a_damaged_checkpoint_is_refused_whichever_it_is(project, epoch):
    """Even one that is not selected: what it drew was scored."""
    root = project([epoch(1, [6, 7]), epoch(2, [8, 9])])
    path = root / "outputs/checkpoints/punk-000001.safetensors"
    write_sums(path.parent, {path.name: sha256(path)})
    path.write_bytes(path.read_bytes().replace(b"captions", b"captionz"))
    with pytest.raises(SpriteLoraError, match=r"punk-000001\.safetensors is damaged"):
        main()
    assert not (root / "outputs/selected").exists()


def test_all_collapsed_is_an_error_and_leaves_nothing(project, epoch):
    root = project([epoch(0, [2, 2]), epoch(1, [0, 0]), epoch(2, [0, 0])])
    with pytest.raises(SpriteLoraError, match="nothing to select: all 2 epochs score 0"):
        main()
    assert not (root / "outputs/selected").exists()


def test_base_alone_is_an_error(project, epoch):
    project([epoch(0, [2, 2])])
    with pytest.raises(SpriteLoraError, match="only the untouched base was drawn"):
        main()


def test_no_scores_is_an_error(project, epoch):
    root = project([epoch(1, [6, 7])])
    (root / "reports/score.json").unlink()
    with pytest.raises(SpriteLoraError, match=r"score\.json is missing"):
        main()


@pytest.mark.parametrize("stated", ["../../victim", "/tmp/victim", "other", "", "pun", "punk-0000"])
def test_a_name_in_metadata_is_never_a_path(project, epoch, lora_file, stated):
    """A checkpoint may come from anywhere; what it says of itself decides no place."""
    root = project([epoch(1, [6, 7]), epoch(2, [5, 5])])
    file = root / "outputs/checkpoints/punk-000001.safetensors"
    file.write_bytes(lora_file(stated, 1, 1))
    before = {path for path in root.parent.rglob("*") if path.is_file()}
    main()
    written = {path for path in root.parent.rglob("*") if path.is_file()} - before
    assert root / "outputs/selected/punk-000001.safetensors" in written
    assert all(path.is_relative_to(root / "outputs/selected") or path.parent == root / "reports" for path in written)


@pytest.mark.parametrize(
    ("file", "stated", "name"),
    [
        ("punk-000003", "punk", "punk"),
        ("punk-step00000300", "punk", "punk"),
        ("punk", "punk", "punk"),
        ("a-000001", "a-000001", "a-000001"),
        ("a-000001-000002", "a-000001", "a-000001"),
        ("punk-000003", "punk-000003x", "punk-000003"),
        ("renamed", "punk", "renamed"),
    ],
)
def test_the_runs_name_is_the_files_without_its_number(file, stated, name):
    assert run_name(Path(f"{file}.safetensors"), stated) == name
