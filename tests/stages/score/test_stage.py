"""The stage as it is run: files in, files out, and one clear message where something is missing."""

import csv
import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from sprite_lora.art.sprite import enlarge
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.scores import Scores
from stages.score.__main__ import main


@pytest.fixture
def run_of_three(draw, sprites):
    """The base draws smoothly, epoch 1 noisily, epoch 2 sprites of its own, epoch 3 copies, each for two prompts."""
    first, second, *others = list(sprites.values())
    for name, prompt, cells, other in (
        ("lad", "portrait of a lad, solid gray background", first, others[5]),
        ("lady", "portrait of a lady", second, others[9]),
    ):
        smooth = Image.fromarray(cells).resize((192, 192), Image.Resampling.BICUBIC)
        noise = np.random.default_rng(0).normal(0, 8, (192, 192, 3))
        mixed = np.where((np.arange(24) < 12)[:, None, None], cells, other)
        draw(0, name, np.asarray(smooth), prompt)
        draw(1, name, np.clip(enlarge(mixed, 8) + noise, 0, 255).astype(np.uint8), prompt)
        draw(2, name, enlarge(mixed, 8), prompt)
        draw(3, name, enlarge(cells, 8), prompt)


def test_epochs_rank_as_they_look(project, run_of_three):
    main()
    found = Scores.read()
    assert [epoch.number for epoch in found.epochs] == [0, 1, 2, 3]
    base, first, second, third = found.epochs
    assert base.score < 3 < first.score < second.score
    assert third.faults["copies"] == 1
    assert third.score == pytest.approx(third.pictures * 0.5, abs=1e-3)
    assert found.training.score > 9.7
    summary = json.loads((project / "reports/score_summary.json").read_text())
    assert (summary["base"], summary["training"]) == (base.score, found.training.score)
    assert summary["epoch"] == {"01": first.score, "02": second.score, "03": third.score}


def test_scores_hold_what_select_and_report_say(project, run_of_three, score):
    main()
    found = Scores.read()
    assert {metric.name: metric.weight for metric in found.metrics} == score.lost.model_dump()
    assert all(metric.label and metric.cost for metric in found.metrics)
    lad, lady = found.epochs[3].drawn
    assert (lad.name, lad.prompt, lad.checkpoint) == ("lad", "portrait of a lad, solid gray background", f"{3:064x}")
    assert (lad.nearest, lad.nearest_sprite) == (0, "lad_001")
    assert (lad.remarks[0].word, lad.remarks[0].sentence) == ("copy", "100% of the figure is training sprite lad_001")
    assert lad.named[0].asked == "solid gray background"
    assert not lady.named, "her prompt names nothing"
    assert found.epochs[3].remarks[0].word == "copies"
    assert found.epochs[0].checkpoint == ""


def test_tables_hold_a_row_per_picture_and_per_epoch(project, run_of_three):
    main()
    with (project / "reports/score.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["picture"]) for row in rows] == [(f"{e}", p) for e in range(4) for p in ("lad", "lady")]
    by = {(row["epoch"], row["picture"]): row for row in rows}
    assert by["0", "lad"]["checkpoint"] == ""
    assert by["3", "lad"]["checkpoint"] == f"{3:064x}"
    assert by["3", "lad"]["nearest_sprite"] == "lad_001"
    assert by["3", "lad"]["remarks"].startswith("copy: 100% of the figure is training sprite lad_001")
    assert "smooth: " in by["0", "lad"]["remarks"]
    assert by["2", "lady"]["things"] == "", "its prompt names nothing"
    with (project / "reports/score_by_epoch.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    assert [row["epoch"] for row in epochs] == ["0", "1", "2", "3"]


def test_metrics_file_holds_numbers_only(project, run_of_three):
    main()

    def leaves(content):
        return (
            [leaf for value in content.values() for leaf in leaves(value)] if isinstance(content, dict) else [content]
        )

    found = leaves(json.loads((project / "reports/score_summary.json").read_text()))
    assert all(isinstance(leaf, (int, float)) and np.isfinite(leaf) for leaf in found)


def test_same_inputs_same_bytes(project, run_of_three):
    files = ["score_summary.json", "score.json", "score.csv", "score_by_epoch.csv"]
    main()
    first = [(project / "reports" / name).read_bytes() for name in files]
    main()
    assert first == [(project / "reports" / name).read_bytes() for name in files]


def test_one_picture_for_all_prompts_scores_nothing(project, draw, sprites):
    cells = next(iter(sprites.values()))
    for name in ("lad", "lady", "crown"):
        draw(1, name, enlarge(cells, 8))
    main()
    (epoch,) = Scores.read().epochs
    assert epoch.pictures > 9
    assert epoch.faults["sameness"] == 1
    assert epoch.score == 0


def test_black_epoch_scores_nothing(project, draw):
    for name in ("lad", "lady"):
        draw(1, name, np.zeros((192, 192, 3), dtype=np.uint8))
    main()
    (epoch,) = Scores.read().epochs
    assert epoch.score == 0
    assert {picture.remarks[0].word for picture in epoch.drawn} == {epoch.remarks[0].word} == {"collapsed"}
    assert "base" not in json.loads((project / "reports/score_summary.json").read_text())
    assert "collapsed" in (project / "reports/score.csv").read_text()


def test_picture_without_finite_numbers_scores_nothing(project, draw, sprites):
    """A sampler draws something where NaN was; however it looks, the LoRA is broken there."""
    first, second = list(sprites.values())[:2]
    draw(1, "lad", enlarge(first, 8), finite=False)
    draw(1, "lady", enlarge(second, 8))
    main()
    (epoch,) = Scores.read().epochs
    assert epoch.worst == 0
    assert epoch.pictures > 4


def test_more_copies_cost_more(project, draw, sprites):
    cells = list(sprites.values())
    own = [np.where((np.arange(24) < 12)[:, None, None], one, other) for one, other in pairwise(cells[:8])]
    for epoch in range(1, 4):
        for number, picture in enumerate(own[:3]):
            copied = number < epoch - 1
            draw(epoch, f"prompt{number}", enlarge(cells[number * 3] if copied else picture, 8))
    main()
    first, second, third = Scores.read().epochs
    assert first.faults["copies"] < second.faults["copies"] < third.faults["copies"]
    assert first.score > second.score > third.score


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda samples: None, "holds no epoch's pictures"),
        (lambda samples: (samples / "epoch-01").mkdir(parents=True), "holds no pictures"),
    ],
)
def test_nothing_drawn_is_said(project, spoil, message):
    spoil(project / "outputs/samples")
    with pytest.raises(SpriteLoraError, match=message):
        main()


def test_epochs_of_different_prompts_are_refused(draw, sprites):
    cells = enlarge(next(iter(sprites.values())), 8)
    draw(1, "lad", cells)
    draw(1, "lady", cells)
    draw(2, "lad", cells, "another prompt")
    with pytest.raises(SpriteLoraError, match="epochs 1 and 2 were not drawn from the same prompts: lad, lady"):
        main()


def test_picture_in_the_wrong_folder_is_refused(project, draw, sprites):
    draw(1, "lad", enlarge(next(iter(sprites.values())), 8))
    (project / "outputs/samples/epoch-01").rename(project / "outputs/samples/epoch-02")
    with pytest.raises(SpriteLoraError, match="was drawn at epoch 1, says its record"):
        main()


def test_picture_without_a_record_is_refused(project, sprites):
    path = project / "outputs/samples/epoch-01/lad.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(enlarge(next(iter(sprites.values())), 8)).save(path)
    with pytest.raises(SpriteLoraError, match="carries no record"):
        main()


def test_broken_picture_is_refused(project, draw, sprites):
    draw(1, "lad", enlarge(next(iter(sprites.values())), 8))
    path = project / "outputs/samples/epoch-01/lad.png"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(SpriteLoraError, match=r"lad\.png"):
        main()
