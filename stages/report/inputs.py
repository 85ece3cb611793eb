"""The results of the stages before, read from their files."""

import csv
from collections.abc import Collection
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded
from sprite_lora.core.params import Paths, read
from sprite_lora.core.result import LARGEST
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.results.finished import FinishedColours
from sprite_lora.results.plan import Plan
from sprite_lora.results.report_params import Report
from sprite_lora.results.scores import Scores
from sprite_lora.results.selection import SelectedRecord, Selection
from sprite_lora.results.validation import Validation
from stages.report.before import changes_since
from stages.report.facts import Facts, Points


def read_facts(report: Report) -> Facts:
    """Everything the page shows. Raises SpriteLoraError where a file is absent, of another form, or of another run."""
    params, _ = read()
    scores, selection, colours = Scores.read(), Selection.read(), FinishedColours.read().root
    check_one_run(scores, selection, colours)
    return Facts(
        manifest=read_manifest(Paths.dataset),
        validation=Validation.read(),
        plan=Plan.read(),
        scores=scores,
        selection=selection,
        record=SelectedRecord.read().checkpoint,
        selected_bytes=_size(Path(selection.file)),
        colours=colours,
        series=_series(Paths.reports / "train"),
        params=params,
        grid_pixels=report.grid_pixels,
        compared_with=report.compare_with,
        changes=changes_since(report.compare_with, params),
    )


def check_one_run(scores: Scores, selection: Selection, colours: Collection[str]) -> None:
    """Raise SpriteLoraError where the selection or the finished sprites are not of what was scored."""
    if selection.epoch not in [epoch.number for epoch in scores.epochs]:
        raise SpriteLoraError(
            f"{Selection.place}: epoch: {selection.epoch} is not in {Scores.place}", "dvc repro -f select"
        )
    drawn = {picture.name for picture in scores.epochs[0].drawn}
    if strange := sorted(set(colours) - drawn):
        raise SpriteLoraError(
            f"{FinishedColours.place}: prompt {strange[0]!r} is not in {Scores.place}", "dvc repro -f finish"
        )


def _size(lora: Path) -> int:
    """Bytes of the selected LoRA. Raises SpriteLoraError where it is none of ours."""
    if lora.parent != Paths.selected or not lora.is_file():
        raise SpriteLoraError(
            f"{Selection.place}: file: {str(lora)!r} is no file in {Paths.selected}", "dvc repro -f select"
        )
    return lora.stat().st_size


def _series(folder: Path) -> dict[str, Points]:
    """dvclive's tables, one per metric: `plots/metrics/lr/unet.tsv` with columns `step` and `unet` is `lr/unet`."""
    tables = folder / "plots" / "metrics"
    series = {}
    for path in sorted(tables.rglob("*.tsv")):
        lines = read_bounded(path, LARGEST).decode("utf-8", "replace").splitlines()
        try:
            rows = [(float(row["step"]), float(row[path.stem])) for row in csv.DictReader(lines, delimiter="\t")]
        except (KeyError, TypeError, ValueError, csv.Error):
            raise SpriteLoraError(
                f"{path} is no table of numbers with the columns step and {path.stem}", "dvc repro -f train"
            ) from None
        series[path.relative_to(tables).with_suffix("").as_posix()] = tuple(row for row in rows if 0 <= row[0] < 2**53)
    return series
