"""What tells a checkpoint's run: its header, boiled down, so that thousands can be held at once."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sprite_lora.core.files import canonical_json, utf8
from sprite_lora.core.header import Header, HeaderError, read_header
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.kohya.metadata import KEYS, dataset_folders, read_value, tag_frequency
from sprite_lora.lora.layout import family, read_modules
from tools.audit.evidence import Content

PER_EPOCH = frozenset((
    "ss_epoch", "ss_steps", "ss_training_finished_at", "sshs_model_hash", "sshs_legacy_hash", "modelspec.date",
    "modelspec.hash_sha256", "modelspec.title", METADATA_KEY,
))  # fmt: skip
"""Metadata that differs between the epochs of one run."""

PER_RUN = frozenset(("ss_session_id", "ss_training_started_at", "ss_output_name"))
"""Metadata that differs between two runs of the same settings."""

FIRST_CLOCK = datetime(2020, 1, 1)
"""Earlier clocks are constants: our own files carry 0, so that equal runs give equal bytes."""

_summaries: dict[tuple[bytes, int], tuple[str, tuple[int | None, ...], str]] = {}


def read_content(path: Path) -> Content:
    """A LoRA's header as evidence. Raises HeaderError where the file is none, or cannot be read."""
    header = read_header(path)
    summary = _summarise(header)
    if summary is None:
        raise HeaderError(f"{path}: holds no LoRA", "a base model or another file: sprite-lora identify FILE says what")
    base, ranks, precision = summary
    metadata = header.metadata
    record = _record(metadata)
    trained = {key: value for key, value in metadata.items() if key not in PER_EPOCH}
    return Content(
        family=base,
        ranks=ranks,
        precision=precision,
        layout=header.layout_digest.hex(),
        training=_digest(trained) if any(key.startswith("ss_") for key in trained) else None,
        settings=_digest({key: metadata[key] for key in KEYS if key in metadata}) if metadata else None,
        session=metadata.get("ss_session_id"),
        fingerprint=_text(record.get("fingerprint")),
        captions=_text(record.get("captions")),
        tags=_stated_tags(metadata.get("ss_tag_frequency", "")),
        folders=tuple(dataset_folders(metadata)),
        epoch=_number(metadata.get("ss_epoch")),
        epochs=_number(metadata.get("ss_num_epochs")),
        output_name=metadata.get("ss_output_name"),
        model_hash=metadata.get("sshs_model_hash"),
        started=_clock(metadata.get("ss_training_started_at")),
    )


def _summarise(header: Header) -> tuple[str, tuple[int | None, ...], str] | None:
    """(family, ranks, precision); worked out once per layout, for the epochs of a run share theirs."""
    key = (header.layout_digest, header.size - header.data_start)
    if key not in _summaries:
        modules, _ = read_modules(header.tensors)
        if not modules:
            return None
        ranks = sorted({module.rank for module in modules}, key=lambda rank: (rank is None, rank or 0))
        dtypes = sorted({dtype for module in modules for dtype in module.dtypes})
        _summaries[key] = (family(modules)[0], tuple(ranks), "+".join(dtypes))
    return _summaries[key]


@lru_cache(maxsize=64)
def _stated_tags(text: str) -> str | None:
    """Digest of kohya's `ss_tag_frequency`; the epochs of a run share the text."""
    frequency = tag_frequency({"ss_tag_frequency": text})
    return tags_digest(frequency) if frequency else None


def tags_digest(frequency: Mapping[str, int]) -> str:
    """One digest for how often each tag stands in a set of captions; case does not count, as for kohya."""
    counts: dict[str, int] = {}
    for tag, count in frequency.items():
        counts[tag.lower()] = counts.get(tag.lower(), 0) + count
    return _digest(counts)


def _digest(content: Any) -> str:
    return hashlib.blake2b(utf8(canonical_json(content)), digest_size=16).hexdigest()


def _record(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        record = json.loads(metadata.get(METADATA_KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(text: str | None) -> int | None:
    value = read_value(text) if text is not None else None
    return value if type(value) is int else None


def _clock(text: str | None) -> datetime | None:
    """A Unix time, in UTC; None for none and for constants."""
    value = read_value(text) if text is not None else None
    if not isinstance(value, int | float) or not 0 < value < 2**35:
        return None
    moment = datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
    return moment if moment > FIRST_CLOCK else None
