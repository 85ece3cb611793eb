"""The results of the stages before, read from their files."""

import csv
from pathlib import Path

from sprite_lora.core.params import Paths, read
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
    """Everything the page shows. Raises SpriteLoraError where a file is absent or of another form."""
    params, _ = read()
    selection = Selection.read()
    return Facts(
        manifest=read_manifest(Paths.dataset),
        validation=Validation.read(),
        plan=Plan.read(),
        scores=Scores.read(),
        selection=selection,
        record=SelectedRecord.read().checkpoint,
        selected_bytes=Path(selection.file).stat().st_size,
        colours=FinishedColours.read().root,
        series=_series(Paths.reports / "train"),
        params=params,
        grid_pixels=report.grid_pixels,
        compared_with=report.compare_with,
        changes=changes_since(report.compare_with, params),
    )


def _series(folder: Path) -> dict[str, Points]:
    """dvclive's tables, one per metric: `plots/metrics/lr/unet.tsv` with columns `step` and `unet` is `lr/unet`."""
    tables = folder / "plots" / "metrics"
    series = {}
    for path in sorted(tables.rglob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        series[path.relative_to(tables).with_suffix("").as_posix()] = tuple(
            (float(row["step"]), float(row[path.stem])) for row in rows
        )
    return series
