"""Whatever a file's header or metadata says, it is described: no crash, nothing run, valid JSON."""

import json
import os
import struct
from functools import cache
from pathlib import Path

import pytest
from fuzzing import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sprite_lora.core.record import METADATA_KEY
from sprite_lora.core.terminal import console, print_json
from sprite_lora.kohya.effective import SETTINGS
from sprite_lora.kohya.metadata import KEYS as FLAG_KEYS
from sprite_lora.lora.layout import PARTS
from sprite_lora.results.picture import picture_bytes
from tools.identify.describe import describe
from tools.identify.tables import show

KEYS = [*FLAG_KEYS, "ss_tag_frequency", "ss_dataset_dirs", "ss_datasets", "ss_network_args", "ss_optimizer", "ss_epoch",
        "ss_base_model_version", "modelspec.architecture", "sshs_model_hash", "sshs_legacy_hash", METADATA_KEY,
        "lora_adapter_metadata", "ss_sd_model_name"]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
RECORD = st.fixed_dictionaries({"params": st.dictionaries(st.sampled_from(list(SETTINGS)), JSON, max_size=4)})
WORD = st.text(max_size=12) | JSON.map(json.dumps) | JSON.map(str) | RECORD.map(json.dumps)
MODULES = st.sampled_from(
    ("lora_unet_attn2_to_k", "lora_te_text_model_x", "unet:0", "a.b", "lora_unet_double_blocks_0")
)
NAMES = st.builds(lambda module, part: f"{module}.{part}", MODULES, st.sampled_from([*PARTS, "weight", "x"]))
SHAPES = st.lists(st.integers(0, 4), max_size=4)


@given(
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), WORD, max_size=6),
    st.dictionaries(
        NAMES, st.tuples(st.sampled_from(("F16", "BF16", "F32", "I64", "F8_E4M3", "F8_E5M2")), SHAPES), max_size=5
    ),
    st.binary(min_size=0, max_size=8),
)
@settings(max_examples=150, deadline=30_000)
def test_any_words_over_any_tensors(
    tmp_path: Path, metadata: dict[str, str], tensors: dict[str, tuple[str, list[int]]], filling: bytes
) -> None:
    header: dict[str, object] = {"__metadata__": metadata}
    at = 0
    for name, (dtype, shape) in tensors.items():
        count = 1
        for side in shape:
            count *= side
        size = count * {"F16": 2, "BF16": 2, "F32": 4, "I64": 8}.get(dtype, 1)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path = tmp_path / "any.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + (filling or b"\xff" * 8)[:1] * at)
    found = describe(path, hashes=True)
    print_json(found)
    show(found, console(100))


@cache
def samples() -> list[bytes]:
    """A LoRA with a record, a picture with one, a configuration, a pickle's beginning."""
    record = {"sprite_lora": '{"params": {"network_dim": 4}}', "ss_epoch": "1", "ss_tag_frequency": '{"a": {"b": 1}}'}
    tensor = {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}
    text = json.dumps({"__metadata__": record, "lora_unet_attn2_to_k.lora_down.weight": tensor}).encode()
    picture = picture_bytes(Image.new("RGB", (4, 4)), {"epoch": 1}, "a\nSteps: 1, Sampler: x, Seed: 1")
    return [struct.pack("<Q", len(text)) + text + bytes(8), picture, b"PK\3\4" + bytes(40)]


PLACES = st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4)


@given(st.integers(0, 2), PLACES, st.none() | st.integers(0, 700))
@examples(150, 20_000)
def test_any_change_of_a_file(tmp_path: Path, which: int, places: list[tuple[int, bytes]], cut: int | None) -> None:
    content = bytearray(samples()[which][:cut])
    for at, new in places:
        content[at % (len(content) + 1) : at % (len(content) + 1) + len(new)] = new
    (tmp_path / "file").write_bytes(content)
    found = describe(tmp_path / "file", hashes=True)
    print_json(found)
    show(found, console(100))


@pytest.mark.parametrize("config", ["", "[", "null", "[]", '{"a": [1, null]}', "[" * 100_000, "\xff", "1" * 5000])
def test_any_configuration_of_a_model_folder(tmp_path: Path, config: str) -> None:
    base = tmp_path / "base"
    (base / "unet").mkdir(parents=True)
    for name in ("model_index.json", "unet/config.json"):
        (base / name).write_text(config, encoding="latin-1")
    print_json(describe(base))
    (base / "model_index.json").write_text("{}")
    print_json(describe(base))


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "circle", "zero", "folder", "absent", "n" * 300, "pipe/x"):
        found = describe(tmp_path / name)
        assert (found["kind"], len(found["problems"])) == ("unreadable", 1), name
