"""The checkpoint that drew an epoch's pictures, found by what it holds and not by its name."""

import re
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.lora.epochs import Epoch
from sprite_lora.lora.file import read_record, sound_hash
from sprite_lora.results.records import TrainingRecord


@dataclass(frozen=True)
class Checkpoint:
    """A LoRA file and what its header says."""

    path: Path
    output_name: str
    """kohya's `ss_output_name`: the run's name, without an epoch."""
    record: TrainingRecord | None
    """What made it; None where another tool wrote it."""


def _record(path: Path) -> TrainingRecord | None:
    content = read_record(path)
    return None if content is None else TrainingRecord.of(content, str(path), "train it anew: dvc repro -f train")


def find_checkpoint(folder: Path, drawn_by: str, epoch: Epoch) -> Checkpoint:
    """The file in `folder` whose tensors have the hash (`sshs_model_hash`) that the pictures of `epoch` name.

    Where several hold the same weights (a learning rate of 0), the one whose record names this epoch. Raises
    SpriteLoraError where none does, the pictures being of another run, and where a file is damaged.
    """
    headers = {path: read_header(path).metadata for path in sorted(folder.glob("*.safetensors"))}
    equal = [path for path in headers if sound_hash(path) == drawn_by]
    if not equal:
        raise SpriteLoraError(
            f"no checkpoint in {folder} drew the pictures of epoch {epoch} (sshs_model_hash {drawn_by[:12]}...)",
            "the pictures are of another run: dvc repro -f sample",
        )
    records = {path: _record(path) for path in equal}
    path = next((path for path, record in records.items() if record and record.epoch == epoch), equal[0])
    return Checkpoint(path, run_name(path, headers[path].get("ss_output_name", "")), records[path])


def run_name(path: Path, stated: str) -> str:
    """The run's name in a checkpoint's file name, without epoch or step.

    `stated`: `ss_output_name`. Metadata comes from anywhere and becomes part of a path here, so it only counts where
    kohya's rule makes this file name of it.
    """
    number = path.stem.removeprefix(stated)
    return stated if stated and re.fullmatch(r"|-\d{6}|-step\d{8}", number) else path.stem
