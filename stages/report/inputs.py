"""The results of the stages before, read from their files."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.checkpoint import epoch_folder
from stages.dataset import read_manifest
from stages.errors import SpriteLoraError
from stages.params import Paths, read
from stages.report.facts import Epoch, Facts, Picture, Points, Selected, Sprite

REDO = "run the stages before: dvc repro"

WARNED_BELOW = 0.5
"""A picture whose background bears the prompt's word by less than this share gets a mark."""

NOT_QUALITIES = {"score", "pictures", "worst", "error"}
"""What score.json says of an epoch in points of 10; everything else is a share, 0 to 1."""


def read_facts(paths: Paths) -> Facts:
    """Everything the page shows. Raises SpriteLoraError where a file is absent or of another form."""
    reports = paths.reports
    manifest = read_manifest(paths.dataset)
    checked = _json(reports / "validate.json")
    scores = _json(reports / "score.json")
    pictures = _rows(reports / "score.csv")
    params, _ = read()
    return Facts(
        art_pixels=manifest.art_pixels,
        resolution=manifest.resolution,
        prompts={row["picture"]: row["prompt"] for row in pictures},
        epochs=tuple(_epoch(int(name), mark, pictures, paths.samples) for name, mark in scores["epochs"].items()),
        training_score=scores["training"]["score"],
        selected=_selected(paths),
        sprites=tuple(_sprites(paths.finished)),
        findings=tuple(checked["findings"]),
        overview=checked["overview"],
        plan=_json(reports / "package.json"),
        series=_series(reports / "train"),
        params=params,
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


def _epoch(number: int, mark: dict[str, float], rows: list[dict[str, str]], samples: Path) -> Epoch:
    folder = epoch_folder(samples, number)
    pictures = {row["picture"]: _picture(row, folder) for row in rows if int(row["epoch"]) == number}
    return Epoch(
        number=number,
        score=mark["score"],
        error=mark["error"],
        metrics={name: value for name, value in mark.items() if name not in NOT_QUALITIES},
        pictures=pictures,
        warnings=tuple(_epoch_warnings(mark, pictures)),
    )


def _picture(row: dict[str, str], folder: Path) -> Picture:
    path = folder / f"{row['picture']}.png"
    return Picture(row["picture"], path, float(row["score"]), tuple(_picture_warnings(row)))


def _picture_warnings(row: dict[str, str]) -> Iterable[tuple[str, str]]:
    if float(row["score"]) == 0:
        yield "collapsed", "Flat, black or empty: nothing is drawn that could be scored."
    if float(row["copied"]) > 0:
        share = f"{100 * float(row['nearest']):.0f} %"
        yield (
            "memorised",
            f"Close to a copy of the training sprite {row['nearest_sprite']}: {share} of its cells differ.",
        )
    if row["background"] and float(row["background"]) < WARNED_BELOW:
        yield "wrong background", "The background is not of the colour that the prompt names."


def _epoch_warnings(mark: dict[str, float], pictures: dict[str, Picture]) -> Iterable[tuple[str, str]]:
    copies = sum(any(word == "memorised" for word, _ in picture.warnings) for picture in pictures.values())
    if copies:
        yield f"{copies} memorised", f"{copies} of {len(pictures)} pictures are close to copies of training sprites."
    if mark["sameness"] > 0:
        yield (
            "all alike",
            f"The prompts hardly matter: sameness {mark['sameness']:.2f}, where 1 is one and the same picture.",
        )


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
