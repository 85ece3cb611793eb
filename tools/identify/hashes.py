"""Hashes that tools index models by, and alphas: what only a look at the tensors' bytes gives."""

import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sprite_lora.core.files import utf8
from sprite_lora.core.header import Header
from sprite_lora.lora.layout import Module

BLOCK = 2**20
LEGACY_START, LEGACY_LENGTH = 0x100000, 0x10000
"""Bytes that `sshs_legacy_hash` covers (sd-scripts `addnet_hash_legacy`)."""

FORMATS = {"F32": "<f", "F16": "<e", "F64": "<d"}


def compute(path: Path, header: Header) -> dict[str, str | None]:
    """`sha256` of the file, `sshs_model_hash` of its tensors' bytes, and `sshs_legacy_hash`; reads the file once."""
    whole, region, legacy = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    start = _legacy_start(header)
    with path.open("rb") as file:
        whole.update(file.read(header.data_start))
        at = 0
        while block := file.read(BLOCK):
            whole.update(block)
            region.update(block)
            if start is not None:
                legacy.update(block[max(0, start - at) : max(0, start + LEGACY_LENGTH - at)])
            at += len(block)
    return {
        "sha256": whole.hexdigest(),
        "sshs_model_hash": region.hexdigest(),
        "sshs_legacy_hash": None if start is None else legacy.hexdigest()[:8],
    }


def _legacy_start(header: Header) -> int | None:
    """Where in the tensors' bytes the legacy hash begins; None where it would begin in the header.

    kohya takes it 1 MiB into the file as it is before the hashes are added, with the `ss_*` metadata alone, so the
    place follows from that header's length (sd-scripts `precalculate_safetensors_hashes`).
    """
    content: dict[str, Any] = {"__metadata__": {k: v for k, v in header.metadata.items() if k.startswith("ss_")}}
    text = json.dumps({**content, **header.tensors}, separators=(",", ":"), ensure_ascii=False)
    length = len(utf8(text))
    start = LEGACY_START - (8 + length + -length % 8)
    return start if start >= 0 else None


def compare(header: Header, computed: dict[str, str | None] | None) -> dict[str, dict[str, Any]]:
    """Each hash as stated in the metadata and as computed, and whether the two agree (None: one is missing)."""
    names = ("sshs_model_hash", "sshs_legacy_hash", "sha256")
    table: dict[str, dict[str, Any]] = {}
    for name in names:
        stated = header.metadata.get(name)
        found = computed[name] if computed else None
        if stated or found:
            table[name] = {"stated": stated, "computed": found, "agrees": stated == found if stated and found else None}
    return table


def read_alphas(path: Path, header: Header, modules: Sequence[Module]) -> dict[str, float]:
    """Module to the value of its alpha tensor; modules without one are left out. Reads those few bytes alone."""
    alphas = {}
    with path.open("rb") as file:
        for module in modules:
            if module.alpha is None:
                continue
            tensor = header.tensors[module.alpha]
            begin, end = tensor["data_offsets"]
            file.seek(header.data_start + begin)
            value = _scalar(tensor["dtype"], file.read(min(end - begin, 8)))
            if value is not None:
                alphas[module.name] = value
    return alphas


def _scalar(dtype: str, content: bytes) -> float | None:
    """The first number of a tensor's bytes; None for a dtype that no trainer keeps an alpha in."""
    if dtype == "BF16" and len(content) >= 2:
        return float(struct.unpack("<f", b"\0\0" + content[:2])[0])
    layout = FORMATS.get(dtype)
    if layout is None or len(content) < struct.calcsize(layout):
        return None
    return float(struct.unpack(layout, content[: struct.calcsize(layout)])[0])
