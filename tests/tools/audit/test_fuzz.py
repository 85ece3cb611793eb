"""Whatever checkpoints claim and however files are named, an inventory comes of it, soon."""

import json
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sprite_lora.core.record import METADATA_KEY
from sprite_lora.core.terminal import console, print_json
from tools.audit.inventory import take_inventory
from tools.audit.tables import show
from tools.audit.walk import walk

KEYS = ("ss_epoch", "ss_num_epochs", "ss_session_id", "ss_training_started_at", "ss_output_name", "ss_tag_frequency",
        "ss_dataset_dirs", "ss_network_dim", "sshs_model_hash", METADATA_KEY)  # fmt: skip
WORD = (
    st.integers(-(10**12), 10**12).map(str)
    | st.text(max_size=6)
    | st.sampled_from(
        ("0", "-1", "1e308", "nan", "None", "[]", "{}", '{"a": 1}', '{"a": {"n_repeats": 1, "img_count": 2}}')
    )
)
NAME = st.sampled_from(("a", "a-000001", "a-000000", "sdxl_a-999999", "dim64", "a-step00000010", "fp16 [b]"))
FILE = st.tuples(NAME, st.dictionaries(st.sampled_from(KEYS), WORD, max_size=5), st.integers(0, 3))


@given(st.lists(FILE, max_size=4, unique_by=lambda file: file[0]), st.binary(max_size=40))
@settings(max_examples=60, deadline=30_000)
def test_any_claims(tmp_path: Path, files: list[tuple[str, dict[str, str], int]], rubbish: bytes) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    for name, metadata, rank in files:
        shape = {"dtype": "F16", "shape": [rank, 2], "data_offsets": [0, 4 * rank]}
        text = json.dumps({"__metadata__": metadata, "lora_unet_x_attn2_to_k.lora_down.weight": shape}).encode()
        (tmp_path / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4 * rank))
    (tmp_path / "rubbish.safetensors").write_bytes(rubbish)
    (tmp_path / "rubbish.png").write_bytes(b"\x89PNG\r\n\x1a\n" + rubbish)
    found = take_inventory(walk([tmp_path]))
    assert sum(run["files"] for run in found["runs"]) == len(files)
    print_json(found)
    show(found, console(100))
