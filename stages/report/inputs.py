"""The results of the stages before, read from their files."""

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import Paths, read
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.lora.checkpoints import epoch_folder
from stages.report.before import changes_since
from stages.report.facts import Epoch, Facts, Picture, Points, Selected, Sprite

REDO = "run the stages before: dvc repro"

NOT_QUALITIES = {"score", "pictures", "worst", "error"}
"""What score.json says of an epoch in points of 10; everything else is a share, 0 to 1."""


def read_facts(paths: Paths, compare_with: str | None) -> Facts:
    """Everything the page shows; `compare_with` is a Git revision, or None.

    Raises SpriteLoraError where a file is absent or of another form.
    """
    reports = paths.reports
    manifest = read_manifest(paths.dataset)
    checked = _json(reports / "validate.json")
    scores = _json(reports / "score.json")
    pictures = _rows(reports / "score.csv")
    said = {row["epoch"]: row["remarks"] for row in _rows(reports / "score_by_epoch.csv")}
    params, _ = read()
    return Facts(
        art_pixels=manifest.art_pixels,
        resolution=manifest.resolution,
        prompts={row["picture"]: row["prompt"] for row in pictures},
        epochs=tuple(
            _epoch(int(name), mark, said[str(int(name))], pictures, paths.samples)
            for name, mark in scores["epochs"].items()
        ),
        training_score=scores["training"]["score"],
        selected=_selected(paths),
        sprites=tuple(_sprites(paths.finished)),
        findings=tuple(checked["findings"]),
        overview=checked["overview"],
        plan=_json(reports / "package.json"),
        series=_series(reports / "train"),
        params=params,
        compared_with=compare_with,
        changes=changes_since(compare_with, params, reports),
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpriteLoraError(f"{path} is not here", REDO) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SpriteLoraError(f"{path} is not valid JSON: {error}", REDO) from None


def _rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter=delimiter))
    except FileNotFoundError:
        raise SpriteLoraError(f"{path} is not here", REDO) from None


def _epoch(number: int, mark: dict[str, float], said: str, rows: list[dict[str, str]], samples: Path) -> Epoch:
    folder = epoch_folder(samples, number)
    pictures = {row["picture"]: _picture(row, folder) for row in rows if int(row["epoch"]) == number}
    return Epoch(
        number=number,
        score=mark["score"],
        error=mark["error"],
        metrics={name: value for name, value in mark.items() if name not in NOT_QUALITIES},
        pictures=pictures,
        remarks=remarks(said),
    )


def _picture(row: dict[str, str], folder: Path) -> Picture:
    path = folder / f"{row['picture']}.png"
    return Picture(row["picture"], path, float(row["score"]), remarks(row["remarks"]))


def remarks(text: str) -> tuple[tuple[str, str], ...]:
    """`score`'s remarks, `word: sentence` each and joined by `; `, as (word, sentence) pairs."""
    parts = re.split(r"; (?=[a-z ]+: )", text) if text else []
    return tuple((word, sentence) for word, _, sentence in (part.partition(": ") for part in parts))


def _selected(paths: Paths) -> Selected:
    chosen = _json(paths.reports / "select.json")
    file = Path(chosen["file"])
    record = _json(paths.selected / "record.json")
    return Selected(
        epoch=chosen["epoch"],
        reasons=tuple(chosen["reasons"]),
        warnings=tuple(chosen["warnings"]),
        margin=chosen["margin"],
        runner_up=chosen["runner_up"],
        spread=chosen["spread"],
        tied=tuple(chosen["tied"]),
        passed_over=tuple(chosen["passed_over"]),
        file=file,
        bytes=file.stat().st_size,
        model_hash=chosen["model_hash"],
        record=record["checkpoint"] or {},
    )


def _sprites(finished: Path) -> Iterable[Sprite]:
    """The sprites at one pixel per art pixel, as colours.json lists them."""
    for prompt, told in _json(finished / "colours.json").items():
        yield Sprite(prompt, finished / f"{prompt}.png", told["drawn_colours"], told["palette"])


def _series(folder: Path) -> dict[str, Points]:
    """dvclive's tables, one per metric: `plots/metrics/lr/unet.tsv` with columns `step` and `unet` is `lr/unet`."""
    tables = folder / "plots" / "metrics"
    series = {}
    for path in sorted(tables.rglob("*.tsv")):
        rows = _rows(path, delimiter="\t")
        series[path.relative_to(tables).with_suffix("").as_posix()] = tuple(
            (float(row["step"]), float(row[path.stem])) for row in rows
        )
    return series
