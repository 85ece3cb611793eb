"""Pictures of shards that have not finished, kept in the state folder, so that nobody draws them twice.

Snakemake deletes a shard's pictures before it runs the shard again, and DVC all of them before it runs the stage.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import canonical_json, replacing, sha256_text
from sprite_lora.results.picture import read_record


def kept_folder(state: Path) -> Path:
    """Where they lie, below `paths.state`."""
    return state / "sample" / "drawn"


@dataclass(frozen=True)
class Kept:
    """What was drawn by the same code on the same kind of device."""

    folder: Path
    conditions: tuple[str, ...]
    """What changes a picture and is not in its record: code, device, precision."""

    def take(self, record: dict[str, Any], target: Path) -> bool:
        """Copy the picture of that record to `target`; False where it is not there, or is damaged."""
        path = self._path(record)
        if not path.is_file():
            return False
        try:
            found = read_record(path) or {}
            with Image.open(path, formats=("PNG",)) as picture:
                picture.load()
        except (SpriteLoraError, OSError, SyntaxError):  # Pillow raises the last for a damaged chunk
            return False
        if any(found.get(key) != value for key, value in record.items()):
            return False
        self._copy(path, target)
        return True

    def keep(self, record: dict[str, Any], picture: Path) -> None:
        """Keep a picture that was drawn."""
        self._copy(picture, self._path(record))

    def _path(self, record: dict[str, Any]) -> Path:
        return self.folder / f"{sha256_text(canonical_json([record, *self.conditions]))[:32]}.png"

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def forget(state: Path) -> None:
    """Remove them: all shards have finished."""
    shutil.rmtree(kept_folder(state), ignore_errors=True)
