"""A LoRA file as kohya sd-scripts writes it: safetensors with metadata and the hashes that tools index by.

Written byte by byte: the safetensors library puts metadata in a random order, so that equal content gets unequal bytes.
Reading a header needs no torch.
"""

import hashlib
import json
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import replacing, write_bytes
from sprite_lora.core.header import read_header
from sprite_lora.core.precision import stored_as
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.core.sums import difference, read_sums

if TYPE_CHECKING:
    import torch

BLOCK = 1 << 20


def read_record(path: Path) -> dict[str, Any] | None:
    """Our record of what made the file; None in a file that another tool wrote."""
    text = read_header(path).metadata.get(METADATA_KEY)
    record: dict[str, Any] | None = json.loads(text) if text is not None else None
    return record


def model_hash(path: Path) -> str:
    """SHA-256 of the tensor region alone: `sshs_model_hash`, equal for equal weights whatever the metadata says."""
    digest = hashlib.sha256()
    start = read_header(path).data_start
    with path.open("rb") as file:
        file.seek(start)
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sound_hash(path: Path) -> str:
    """`model_hash` of a file that is what was written.

    It is compared with SHA256SUMS beside it, where that lists it, and with the `sshs_model_hash` that the file states;
    files of other tools may have neither. Raises SpriteLoraError where one of them differs.
    """
    sums = read_sums(path.parent)
    wrong = difference(path.parent, path.name, sums) if path.name in sums else None
    computed, stated = model_hash(path), read_header(path).metadata.get("sshs_model_hash")
    if not wrong and stated not in (None, computed):
        wrong = f"{path} is damaged: its tensors do not hash to the sshs_model_hash that it states"
    if wrong:
        raise SpriteLoraError(wrong, "what else is, and how to get it back: sprite-lora verify")
    return computed


def legacy_hash(content: bytes) -> str:
    """`sshs_legacy_hash`: 8 hex digits over 64 KiB at 1 MiB into the file (kohya `addnet_hash_legacy`)."""
    return hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]


def write_lora(path: Path, tensors: "dict[str, torch.Tensor]", metadata: dict[str, str]) -> str:
    """Write a LoRA file, whole or not at all; the same content gives the same bytes. Returns its `sshs_model_hash`.

    As in kohya's `save_weights`, both hashes are taken of a file that holds the `ss_*` metadata alone.
    """
    region = b"".join(_bytes(tensors[name]) for name in sorted(tensors))
    hashed = _header(tensors, {key: value for key, value in metadata.items() if key.startswith("ss_")}) + region
    model = hashlib.sha256(region).hexdigest()
    stamped = {**metadata, "sshs_model_hash": model, "sshs_legacy_hash": legacy_hash(hashed)}
    write_bytes(path, _header(tensors, stamped) + region)
    return model


def write_with_record(source: Path, target: Path, record: str) -> None:
    """Copy another trainer's LoRA file with our record in its metadata, whole or not at all.

    Its other keys, its tensors and so its `sshs_model_hash` stay. Raises HeaderError where the source is no whole file.
    """
    header = read_header(source)
    content = {"__metadata__": {**header.metadata, METADATA_KEY: record}, **header.tensors}
    with source.open("rb") as file, replacing(target) as temporary, temporary.open("wb") as copy:
        file.seek(header.data_start)
        copy.write(_packed(content))
        shutil.copyfileobj(file, copy, BLOCK)


def read_tensors(path: Path) -> "dict[str, torch.Tensor]":
    """All tensors, on the CPU. Raises SpriteLoraError where the file is no whole safetensors file."""
    from safetensors.torch import load_file

    read_header(path)
    return load_file(path)


def _header(tensors: "dict[str, torch.Tensor]", metadata: dict[str, str]) -> bytes:
    """Length, JSON with keys in order, spaces up to a multiple of 8 bytes."""
    content: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    start = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        end = start + tensor.numel() * tensor.element_size()
        content[name] = {"dtype": stored_as(tensor.dtype), "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    return _packed(content)


def _packed(content: dict[str, Any]) -> bytes:
    """A header's bytes."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _bytes(tensor: "torch.Tensor") -> bytes:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()
