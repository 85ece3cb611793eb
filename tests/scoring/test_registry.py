"""The registry of metrics, and what is held to it."""

import json

import pytest
import yaml
from places import ROOT

from sprite_lora.core.params import section_problems
from sprite_lora.scoring.judge import judge, judge_epoch
from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.metrics import EPOCH_METRICS, METRICS, PICTURE_METRICS
from sprite_lora.scoring.remarks import epoch_remarks, picture_remarks
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.view import view

NAMES = [metric.name for metric in METRICS]


def test_weights_are_the_registrys(section):
    assert len(set(NAMES)) == len(NAMES)
    assert list(section["lost"]) == [name for name in NAMES if name in section["lost"]], "in the registry's order"
    assert Score.model_validate(section).lost.of("stray") == section["lost"]["stray"]


def test_a_left_out_weight_is_the_metrics_own(section):
    some = {"residual": 0.25}
    lost = Score.model_validate(section | {"lost": some}).lost
    assert lost.of("residual") == 0.25
    assert {name: lost.of(name) for name in NAMES[1:]} == {metric.name: metric.weight for metric in METRICS[1:]}
    bare = {key: value for key, value in section.items() if key != "lost"}
    assert Score.model_validate(bare).lost.of("residual") == METRICS[0].weight


def test_an_unknown_weight_is_refused(section):
    for wrong in ({"residul": 0.5}, {"residual": 1.5}):
        ((where, _),) = section_problems(Score, section | {"lost": wrong})
        assert where == ("score", "lost", *wrong)


def test_the_plot_shows_every_picture_metric():
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    (plot,) = [plot["What the score is made of"] for plot in plots if "What the score is made of" in plot]
    assert plot["y"] == {"reports/score_by_epoch.csv": [metric.name for metric in PICTURE_METRICS]}


def test_plots_of_several_columns_colour_them():
    """DVC's own template colours by revision alone."""
    plots = [next(iter(plot.values())) for plot in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]]
    several = [plot for plot in plots if any(isinstance(columns, list) for columns in plot["y"].values())]
    assert len(several) == 2
    for plot in several:
        template = json.loads((ROOT / f".dvc/plots/{plot['template']}.json").read_text())
        assert template["encoding"]["color"]["field"] == "field"


@pytest.fixture
def verdict(sprites, ruler, score):
    """Of a picture that copies a sprite, in all but its background."""
    return judge(
        view(next(iter(sprites.values())), "portrait, solid blue background", 24, score.tolerance), ruler, score
    )


def test_every_metric_judges(verdict, ruler, score):
    assert list(verdict.qualities) == [metric.name for metric in PICTURE_METRICS]
    epoch = judge_epoch([verdict, verdict], ruler, score)
    assert list(epoch.faults) == [metric.name for metric in EPOCH_METRICS]
    assert list(epoch.qualities) == list(verdict.qualities)
    assert [word for word, _ in epoch_remarks(epoch)] == list(epoch.faults)


@pytest.mark.parametrize("metric", PICTURE_METRICS, ids=lambda metric: metric.name)
def test_every_fault_has_its_sentence(metric: Metric, verdict, ruler, score):
    failed = type(verdict)(**vars(verdict) | {"copies": 0.0, "qualities": {metric.name: 0.0}})
    ((word, sentence),) = picture_remarks(failed, ruler, score)
    assert word == metric.fault
    assert sentence
    assert "{" not in sentence
