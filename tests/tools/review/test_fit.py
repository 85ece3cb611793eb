"""Weights that people's answers ask for, and the refusal to believe too few or none."""

from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner
from places import ROOT
from rated import epoch, pixels

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import load
from sprite_lora.core.yaml_text import parse
from sprite_lora.results.people import rank
from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.scores import MetricWords, Scores, TrainingLevel
from sprite_lora.scoring.judge import picture_score
from sprite_lora.scoring.metrics import METRICS
from sprite_lora.scoring.score_params import Score
from tools.review.command import command
from tools.review.fit import fit_weights
from tools.review.weights import words, write_weights

VARIED = ("palette", "detail")
PROMPTS = [f"prompt{number}" for number in range(6)]


@pytest.fixture(scope="module")
def score():
    return load(Score, ROOT / "params.yaml")


@pytest.fixture(scope="module")
def trained(score):
    """Six epochs whose pictures differ in two metrics at random."""
    generator = np.random.default_rng(4)
    epochs = []
    for number in range(1, 7):
        one = epoch(number, dict.fromkeys(PROMPTS, 5.0))
        drawn = []
        for picture in one.drawn:
            qualities = {name: round(float(generator.uniform(0, 1)), 4) for name in VARIED} | {"residual": 0.9}
            value = round(picture_score(qualities, 0.8, score), 4)
            drawn.append(picture.model_copy(update={"qualities": qualities, "score": value}))
        epochs.append(one.model_copy(update={"drawn": tuple(drawn)}))
    return tuple(epochs)


def answers(trained, prefer, limit=1000):
    """Every pair of each prompt, answered by what `prefer` makes of the qualities."""
    found = []
    for name in PROMPTS:
        of = {one.number: next(p for p in one.drawn if p.name == name) for one in trained}
        for one, other in combinations(of, 2):
            values = [prefer(of[number].qualities) for number in (one, other)]
            better = pixels(one if values[0] > values[1] else other, name)
            found.append(Rating.of(pixels(one, name), pixels(other, name), better, "me"))
    return Ratings().with_all(tuple(found[:limit]))


def test_what_people_look_at_gets_the_weight(trained, score):
    fit = fit_weights(rank(answers(trained, lambda qualities: qualities["palette"]), trained), score)
    assert set(fit.fitted) == set(VARIED), "what is the same everywhere keeps its weight"
    assert fit.fitted["palette"] > fit.today["palette"]
    assert fit.fitted["detail"] < fit.today["detail"] - 0.2
    assert fit.better
    assert fit.after > 0.85 * fit.pairs > fit.before
    assert fit.gained - fit.lost == fit.after - fit.before
    assert fit.chance < 0.05
    said = words(fit)
    assert f"in {fit.after} of {fit.pairs} pairs" in said
    assert "detail        0.40" in said


def test_people_who_judge_as_the_score_does_change_little_and_gain_nothing(trained, score):
    ranking = rank(answers(trained, lambda qualities: picture_score(qualities, 1, score)), trained)
    fit = fit_weights(ranking, score)
    assert fit.before == fit.pairs
    assert not fit.better
    assert all(abs(fit.fitted[name] - fit.today[name]) < 0.15 for name in VARIED)
    assert "Keep those." in words(fit)


def test_random_answers_are_not_believed(trained, score):
    generator = np.random.default_rng(1)
    fit = fit_weights(rank(answers(trained, lambda qualities: generator.random()), trained), score)
    assert fit.chance > 0.05


def test_too_few_answers_are_refused(trained, score):
    with pytest.raises(
        SpriteLoraError, match="15 answers prefer a picture, over 1 prompts; to fit 2 weights it takes 20"
    ):
        fit_weights(rank(answers(trained, lambda qualities: qualities["palette"], 15), trained), score)
    with pytest.raises(SpriteLoraError, match="0 answers"):
        fit_weights(rank(Ratings(), trained), score)


def test_only_the_weights_of_params_yaml_change(tmp_path):
    own = (ROOT / "params.yaml").read_text()
    file = tmp_path / "params.yaml"
    file.write_text(own)
    write_weights({"palette": 0.61, "detail": 0.0}, file)
    changed = [(a, b) for a, b in zip(own.split("\n"), file.read_text().split("\n"), strict=True) if a != b]
    assert [(a.split("#")[1], b.split("#")[1]) for a, b in changed] == [(a.split("#")[1],) * 2 for a, _ in changed]
    assert [b.split("#")[0].strip() for _, b in changed] == ["palette: 0.61", "detail: 0"]
    without = "\n".join(line for line in own.split("\n") if "    palette:" not in line)
    file.write_text(without)
    write_weights({"palette": 0.61}, file)
    assert parse(file.read_text())["score"]["lost"]["palette"] == 0.61
    file.write_text("score: {lost: {palette: 0.5}}\n")
    with pytest.raises(SpriteLoraError, match=r"no section score\.lost"):
        write_weights({"palette": 0.61}, file)


@pytest.fixture
def fitted_project(tmp_path, monkeypatch, trained, score):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    level = TrainingLevel(score=9.9, copy_limit=0.1, nearest=0.4)
    metrics = tuple(MetricWords(name=m.name, label=m.label, cost=m.cost, weight=score.lost.of(m.name)) for m in METRICS)
    Scores(training=level, metrics=metrics, epochs=trained).write()
    return tmp_path


def test_the_command_writes_only_what_it_is_told_to_and_what_is_better(fitted_project, trained, score):
    params = fitted_project / "params.yaml"
    before = params.read_text()
    answers(trained, lambda qualities: qualities["palette"]).write()
    assert "palette" in CliRunner().invoke(command, ["--fit"], catch_exceptions=False).output
    assert params.read_text() == before
    assert "dvc repro scores anew" in CliRunner().invoke(command, ["--fit", "--write"], catch_exceptions=False).output
    assert load(Score).lost.of("detail") < score.lost.of("detail")
    with pytest.raises(SpriteLoraError, match="made with other weights of palette, detail"):
        CliRunner().invoke(command, ["--fit"], catch_exceptions=False)
    params.write_text(before)
    answers(trained, lambda qualities: picture_score(qualities, 1, score)).write()
    with pytest.raises(SpriteLoraError, match="nothing is written"):
        CliRunner().invoke(command, ["--fit", "--write"], catch_exceptions=False)
    assert params.read_text() == before
    assert CliRunner().invoke(command, ["--write"]).exit_code == 2
