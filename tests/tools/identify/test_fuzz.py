"""Whatever a file's header or metadata says, it is described: no crash, nothing run, valid JSON."""

import json
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sprite_lora.core.record import METADATA_KEY
from sprite_lora.core.terminal import console, print_json
from sprite_lora.kohya.effective import SETTINGS
from sprite_lora.kohya.metadata import KEYS as FLAG_KEYS
from sprite_lora.lora.layout import PARTS
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
