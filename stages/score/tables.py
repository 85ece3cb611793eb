"""The scores as tables: metrics for DVC, CSV files for people and plots. No stage reads them."""

import csv
import io
from collections.abc import Iterable, Mapping

from sprite_lora.lora.epochs import Epoch, in_digits
from sprite_lora.results.scores import PictureScore, Remark, Scores


def summary(scores: Scores) -> dict[str, object]:
    """The metrics file: the few numbers that fit a line of `dvc metrics show`, in points of 10."""
    base = {"base": scores.base.score} if scores.base else {}
    trained = {in_digits(epoch.number): epoch.score for epoch in scores.trained}
    return {**base, "training": scores.training.score, "epoch": trained}


def pictures_table(scores: Scores) -> str:
    """A row per picture: its marks, the qualities (0 to 1) under their names, the measures under `<name>_raw`."""
    names = _picture_metrics(scores)
    return table(_picture_row(epoch.number, one, names) for epoch in scores.epochs for one in epoch.drawn)


def epochs_table(scores: Scores) -> str:
    """A row per epoch, for plots."""
    return table(
        {
            "epoch": epoch.number,
            "training": scores.training.score,
            "score": epoch.score,
            "pictures": epoch.pictures,
            "worst": epoch.worst,
            "error": epoch.error,
            **epoch.faults,
            **{name: epoch.qualities.get(name, "") for name in _picture_metrics(scores)},
            "remarks": _text(epoch.remarks),
        }
        for epoch in scores.epochs
    )


def _picture_metrics(scores: Scores) -> list[str]:
    return [metric.name for metric in scores.metrics if metric.name not in scores.epochs[0].faults]


def _picture_row(epoch: Epoch, picture: PictureScore, metrics: list[str]) -> dict[str, object]:
    return {
        "epoch": epoch,
        "picture": picture.name,
        "score": picture.score,
        "copies": picture.copies,
        "nearest": picture.nearest,
        "nearest_sprite": picture.nearest_sprite,
        **{name: picture.qualities.get(name, "") for name in metrics},
        **{f"{name}_raw": value for name, value in picture.measures.items()},
        "remarks": _text(picture.remarks),
        "checkpoint": picture.checkpoint,
        "prompt": picture.prompt,
    }


def _text(remarks: Iterable[Remark]) -> str:
    return "; ".join(f"{remark.word}: {remark.sentence}" for remark in remarks)


def table(rows: Iterable[Mapping[str, object]]) -> str:
    """CSV with the keys of all rows on top."""
    listed = list(rows)
    text = io.StringIO()
    names = dict.fromkeys(name for row in listed for name in row)
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()
