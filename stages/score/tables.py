"""The verdicts as files: metrics for DVC, tables for people and plots."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sprite_lora.scoring.judge import Verdict
from sprite_lora.scoring.ruler import Training
from stages.score.samples import Drawn

DIGITS = 4
"""Digits after the point in what is written: far below what matters, far above what another CPU's rounding moves."""


def details(marks: Mapping[int, Mapping[str, float]], level: float, ruler: Training) -> dict[str, Any]:
    """Everything about the epochs, and where the training sprites stand; `level` is their own score."""
    found: dict[str, Any] = _rounded(
        {
            "training": {"score": level, "copy_limit": ruler.copy_limit, "nearest": float(np.median(ruler.nearest))},
            "epochs": {f"{epoch:02d}": dict(mark) for epoch, mark in marks.items()},
        }
    )
    return found


def summary(marks: Mapping[int, Mapping[str, float]], level: float) -> dict[str, Any]:
    """The metrics file: the few numbers that fit a line of `dvc metrics show`, in points of 10."""
    scores = {epoch: mark["score"] for epoch, mark in marks.items()}
    trained = [epoch for epoch in scores if epoch > 0]
    found: dict[str, Any] = {}
    if trained:
        best = max(trained, key=lambda epoch: (scores[epoch], -epoch))
        found["best"] = {"score": scores[best], "epoch": best}
    if 0 in scores:
        found["base"] = scores[0]
    if trained and 0 in scores:
        found["gain"] = found["best"]["score"] - scores[0]
    found["training"] = level
    found["epoch"] = {f"{epoch:02d}": scores[epoch] for epoch in trained}
    rounded: dict[str, Any] = _rounded(found)
    return rounded


def picture_row(drawn: Drawn, verdict: Verdict, remarks: str) -> dict[str, object]:
    """A picture's row: its marks, the qualities (0 to 1) under their names, the measures under `<name>_raw`."""
    return {
        "epoch": drawn.epoch,
        "picture": drawn.name,
        "score": verdict.score,
        "copied": verdict.copied,
        "nearest": verdict.nearest,
        "nearest_sprite": verdict.nearest_stem,
        **verdict.worth,
        "background": verdict.worth.get("background", ""),
        **{f"{name}_raw": value for name, value in verdict.measured.items() if name != "background"},
        "remarks": remarks,
        "checkpoint": drawn.checkpoint,
        "prompt": drawn.prompt,
    }


def table(rows: Iterable[Mapping[str, object]]) -> str:
    """CSV, the first row's keys on top, numbers rounded."""
    listed = [_rounded(row) for row in rows]
    text = io.StringIO()
    names = dict.fromkeys(name for row in listed for name in row)
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def _rounded(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    return round(content, DIGITS) if isinstance(content, float) else content
