"""What `score` wrote, read back as epochs."""

import csv
import json
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from stages.select.choose import Epoch


def read_epochs(reports: Path) -> list[Epoch]:
    """All epochs in order, epoch 0 (the base) first where it was drawn. Raises SpriteLoraError for an absent file."""
    try:
        marks = json.loads((reports / "score.json").read_text(encoding="utf-8"))["epochs"]
        with (reports / "score.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise SpriteLoraError(f"{error.filename} is not here", "run the stage before: dvc repro score") from None
    epochs = []
    for label, mark in sorted(marks.items(), key=lambda item: int(item[0])):
        drawn = [row for row in rows if int(row["epoch"]) == int(label)]
        pictures = {row["picture"]: float(row["score"]) for row in drawn}
        epochs.append(Epoch(int(label), mark, pictures, drawn[0]["checkpoint"]))
    return epochs
