"""The verdicts as reports/score.json holds them."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.scores import EpochScore, MetricWords, NamedThing, PictureScore, Remark, Scores, TrainingLevel
from sprite_lora.scoring.judge import judge_epoch
from sprite_lora.scoring.metrics import METRICS
from sprite_lora.scoring.remarks import epoch_remarks, picture_remarks
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.things.answer import Answer
from sprite_lora.scoring.verdict import Verdict
from stages.score.samples import Drawn

DIGITS = 4
"""Digits after the point in what is written: far below what matters, far above what another CPU's rounding moves."""

N = TypeVar("N", int, float)

Judged = list[tuple[Drawn, Verdict]]


def result(epochs: Mapping[Epoch, Judged], level: float, ruler: Training, score: Score) -> Scores:
    """All that was judged; `level` is the training sprites' own score."""
    nearest, limit = float(np.median(ruler.nearest)), ruler.copy_limits.plain
    return Scores(
        training=TrainingLevel(score=_short(level), copy_limit=_short(limit), nearest=_short(nearest)),
        metrics=tuple(
            MetricWords(name=metric.name, label=metric.label, cost=metric.cost, weight=score.lost.of(metric.name))
            for metric in METRICS
        ),
        epochs=tuple(_epoch(number, judged, ruler, score) for number, judged in epochs.items()),
    )


def _epoch(number: Epoch, judged: Judged, ruler: Training, score: Score) -> EpochScore:
    verdict = judge_epoch([verdict for _, verdict in judged], ruler, score)
    return EpochScore(
        number=number,
        score=_short(verdict.score),
        pictures=_short(verdict.pictures),
        worst=_short(verdict.worst),
        error=_short(verdict.error),
        faults=_all_short(verdict.faults),
        qualities=_all_short(verdict.qualities),
        remarks=_remarks(epoch_remarks(verdict)),
        drawn=tuple(_picture(drawn, verdict, ruler, score) for drawn, verdict in judged),
    )


def _picture(drawn: Drawn, verdict: Verdict, ruler: Training, score: Score) -> PictureScore:
    return PictureScore(
        name=drawn.name,
        score=_short(verdict.score),
        copies=_short(verdict.copies),
        nearest=_short(verdict.nearest),
        nearest_sprite=verdict.nearest_stem,
        qualities=_all_short(verdict.qualities),
        measures=_all_short(verdict.measured),
        remarks=_remarks(picture_remarks(verdict, ruler, score)),
        named=tuple(_named(answer) for answer in verdict.named),
        checkpoint=drawn.checkpoint,
        prompt=drawn.prompt,
        pixels=drawn.pixels,
    )


def _named(answer: Answer) -> NamedThing:
    chance = None if answer.chance is None else _short(answer.chance)
    return NamedThing(asked=answer.asked, shows=answer.shows, sentence=answer.sentence, chance=chance)


def _remarks(remarks: list[tuple[str, str]]) -> tuple[Remark, ...]:
    return tuple(Remark(word=word, sentence=sentence) for word, sentence in remarks)


def _short(value: N) -> N:
    return value if isinstance(value, int) else round(value, DIGITS)


def _all_short(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _short(value) for name, value in values.items()}
