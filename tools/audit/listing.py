"""A bare listing: what a file list with names, sizes and dates still tells when the files themselves are gone."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded
from tools.audit.evidence import CaptionVersion, Checkpoint, Evidence, PictureSet
from tools.audit.sizes import Size, parse_size

COLUMNS = {
    "kind": ("kind", "type"),
    "path": ("path", "name", "file", "filename"),
    "size": ("size", "bytes"),
    "modified": ("modified", "date", "mtime", "time"),
}
"""What a column may be called."""

MODELS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
LARGEST = 2**26
"""Bytes of a listing."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def read_listing(file: Path) -> Evidence:
    """Evidence from a CSV with the columns path, size, modified and, where endings do not say it, kind.

    Kinds: checkpoint, captions, outputs. Dates: ISO 8601, as the listing's own clock had them. Raises SpriteLoraError,
    with the line, for what cannot be read.
    """
    evidence = Evidence()
    try:
        text = read_bounded(file, LARGEST).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        names = _columns(file, reader.fieldnames or [])
        for row in reader:
            _take(
                f"{file}:{reader.line_num}",
                {key: (row.get(name) or "").strip() for key, name in names.items()},
                evidence,
            )
    except (UnicodeDecodeError, csv.Error) as error:
        raise SpriteLoraError(f"{file} is not a CSV file in UTF-8: {error}") from None
    return evidence  # fmt: skip


def _columns(file: Path, found: Sequence[str]) -> dict[str, str]:
    """Our column name to the file's."""
    lower = {name.strip().lower(): name for name in found}
    names = {key: next((lower[word] for word in words if word in lower), None) for key, words in COLUMNS.items()}
    missing = [key for key in ("path", "modified") if names[key] is None]
    if missing:
        raise SpriteLoraError(
            f"{file}: no column `{'`, `'.join(missing)}` among {', '.join(found) or 'none'}",
            "the first line names the columns: kind,path,size,modified",
        )
    return {key: name for key, name in names.items() if name is not None}


def _take(where: str, row: dict[str, str], evidence: Evidence) -> None:
    path = row["path"]
    if not path:
        return
    kind = row.get("kind") or _kind(path)
    modified = _date(where, row["modified"])
    size = _size(where, row.get("size", ""))
    if kind == "checkpoint":
        evidence.checkpoints.append(Checkpoint(path, size or Size(0, 2**63, "not known"), modified))
    elif kind == "captions":
        evidence.captions.append(CaptionVersion(path, None, modified))
    elif kind == "outputs":
        evidence.pictures.append(PictureSet(path, path, None, modified))
    else:
        raise SpriteLoraError(f"{where}: kind is {kind!r}", "allowed: checkpoint, captions, outputs")


def _kind(path: str) -> str:
    """By the ending, or by the folder's name."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in MODELS:
        return "checkpoint"
    return "captions" if suffix == ".txt" or re.search("caption", path, re.IGNORECASE) else "outputs"


def _date(where: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise SpriteLoraError(f"{where}: {text!r} is no date", "write dates as 2025-11-09T20:22") from None


def _size(where: str, text: str) -> Size | None:
    if not text:
        return None
    size = parse_size(text)
    if size is None:
        raise SpriteLoraError(f"{where}: {text!r} is no size", "write sizes as 36M, 1.7G or in bytes")
    return size
