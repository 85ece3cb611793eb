"""Whatever checkpoints claim and however files are named, an inventory comes of it, soon."""

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

from fuzzing import examples
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


NAMES = (b"a.txt", b"b.txt", b"c.txt", b"a.png", b"b.PNG", b"c.jpg", b"a-000001.safetensors", b"b.safetensors",
         b"x.ckpt", b"\xff.txt", b"\x1b[31m.png", b"\xed\xa0\x80.safetensors", b".hidden.png", b"n" * 255)  # fmt: skip
TENSOR = b'"lora_unet_x_attn2_to_k.lora_down.weight": {"dtype": "F16", "shape": [1, 2], "data_offsets": [0, 4]}'
LORA = b'{"__metadata__": %s, ' + TENSOR + b"}"
METADATA = st.sampled_from((
    b"{}", b'{"ss_epoch": "' + b"9" * 4400 + b'"}', b'{"ss_training_started_at": "1e308"}', b'{"ss_x": null}',
    b'{"ss_tag_frequency": "{\\"a\\": {\\"\\\\ud800\\": 1}}"}', b'{"ss_tag_frequency": "' + b"[" * 2000 + b'"}',
    b'{"sprite_lora": "{\\"fingerprint\\": \\"\\\\ud800\\", \\"captions\\": 1}"}', b'{"sprite_lora": "[NaN]"}',
    b'{"ss_dataset_dirs": "{\\"a\\": {\\"n_repeats\\": Infinity, \\"img_count\\": null}}"}',
    b'{"ss_session_id": "\xf0\x9f"}',
))  # fmt: skip
CONTENT = (
    st.binary(max_size=30)
    | METADATA.map(lambda metadata: header(LORA % metadata))
    | st.builds(lambda metadata, cut: header(LORA % metadata)[:-cut], METADATA, st.integers(1, 60))
    | st.binary(max_size=30).map(lambda rest: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\4\0\0\0\4\x08\2\0\0\0" + rest)
    | st.just(2**16 + 1).map(bytes)
)
ENTRY = st.one_of(
    st.tuples(st.just("file"), CONTENT),
    st.tuples(st.just("link"), st.sampled_from((b".", b"..", b"a.txt", b"nowhere", b"/dev/zero", b"/proc/self", b"/"))),
    st.tuples(st.sampled_from(("pipe", "folder", "unreadable")), st.just(b"")),
    st.tuples(st.just("dated"), st.integers(-(2**40), 2**40).map(lambda time: b"%d" % time)),
)
TREE = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), ENTRY, max_size=6),
    lambda inner: st.dictionaries(st.sampled_from((b"d", b"\xff", b".git", b"x.png", b"10_a")), inner, max_size=3),
    max_leaves=4,
)


def header(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text + bytes(4)


def plant(folder: bytes, tree: dict[bytes, Any]) -> None:
    """Make the tree; bytes are names, for those that are not UTF-8."""
    os.mkdir(folder)  # noqa: PTH102  names of bytes
    for name, what in tree.items():
        path = folder + b"/" + name
        if isinstance(what, dict):
            plant(path, what)
            continue
        kind, content = what
        if kind == "link":
            os.symlink(content, path)  # noqa: PTH211
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            os.mkdir(path)  # noqa: PTH102
        else:
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(content if kind == "file" else b"")
            if kind == "unreadable":
                os.chmod(path, 0)  # noqa: PTH101
            elif kind == "dated":
                os.utime(path, (int(content), int(content)))


@given(TREE)
@examples(40, 2_000)
def test_any_tree(tmp_path: Path, tree: dict[bytes, Any]) -> None:
    """Links, circles, pipes, folders with files' names, names that are not UTF-8, dates without a year."""
    folder = tmp_path / "tree"
    shutil.rmtree(folder, ignore_errors=True)
    plant(os.fsencode(folder), tree)
    found = take_inventory(walk([folder]))
    print_json(found)
    show(found, console(100))
