"""Small safetensors files in the layouts of many trainers; written by hand, so that no library stands between."""

import json
import struct
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path

import pytest

WIDTHS = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write({name: (dtype, shape)}, metadata, values={name: bytes}) -> path; all else is zeros."""

    def write(
        tensors: Mapping[str, tuple[str, list[int]]],
        metadata: Mapping[str, str] | None = None,
        values: Mapping[str, bytes] | None = None,
        name: str = "lora.safetensors",
    ) -> Path:
        header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
        region = b""
        for tensor, (dtype, shape) in tensors.items():
            content = (values or {}).get(tensor, bytes(prod(shape) * WIDTHS[dtype]))
            header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [len(region), len(region) + len(content)]}
            region += content
        text = json.dumps(header).encode()
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(text)) + text + region)
        return path

    return write
