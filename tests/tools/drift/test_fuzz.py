"""Whatever stands in a params file, a history file, a checkpoint or beside them: a comparison, or one line."""

import copy
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.core.terminal import console, print_json
from sprite_lora.kohya.metadata import KEYS
from sprite_lora.results.changes import compare
from tools.drift import sources
from tools.drift.sources import read_facts, with_base_hash
from tools.drift.tables import markdown, show

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
HISTORY = yaml.safe_load(next((ROOT / "presets" / "history").glob("*.yaml")).read_text(encoding="utf-8"))
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "x", "1e-4", "../..",
    "\0", "/dev/zero", "a" * 300, "/", "\ud800", "\x1b[31m", [], [None], [[1]], {},
    {"x": -1}, {"x": {"y": None}}, {1: 2}, {None: []},
)  # fmt: skip


def places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield (*above, key)
            yield from places(value, (*above, key))


def changed(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    whole = inner = copy.deepcopy(content)
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return whole


def compared(*paths: Path) -> None:
    """Both ways; the tables are made. What is wrong is one SpriteLoraError."""
    try:
        one, other = (read_facts(str(path), None) for path in paths)
        for a, b in ((one, other), (other, one)):
            changes = compare(with_base_hash(a, b), with_base_hash(b, a))
            print_json(changes.plain())
            markdown(changes)
            show(changes, console(100))
    except (SpriteLoraError, OSError) as error:  # errors.run says either in a line
        said = str(error.args[0])
    else:
        said = ""
    assert "\n" not in said


VALUES = st.sampled_from(ODD)


@given(st.sampled_from(list(places(PARAMS))), VALUES, st.sampled_from(list(places(PARAMS))), VALUES)
@examples(40, 5_000)
def test_any_params(
    tmp_path: Path, parsed: dict[str, Any], one: tuple[Any, ...], value: Any, other: tuple[Any, ...], second: Any
) -> None:
    parsed |= {"a.yaml": changed(PARAMS, one, value), "b.yaml": changed(PARAMS, other, second)}
    compared(tmp_path / "a.yaml", tmp_path / "b.yaml")


@pytest.fixture
def parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """File to content, in the place of parsing it: YAML takes most of the time, and gives whatever stands here."""
    contents: dict[str, Any] = {}
    monkeypatch.setattr(sources, "read_yaml", lambda path: contents.get(path.name, PARAMS))
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        (tmp_path / name).touch()
    return contents


@given(st.sampled_from(list(places(HISTORY))), VALUES)
@examples(30, 3_000)
def test_any_history(tmp_path: Path, parsed: dict[str, Any], place: tuple[Any, ...], value: Any) -> None:
    parsed["a.yaml"] = changed(HISTORY, place, value)
    compared(tmp_path / "a.yaml", tmp_path / "b.yaml")


WORD = VALUES.map(str) | VALUES.filter(lambda value: not (isinstance(value, dict) and None in value)).map(json.dumps)
RECORD = st.dictionaries(
    st.sampled_from(("params", "package", "versions", "base", "code", "captions", "sprites", "network_weights")),
    VALUES | st.dictionaries(st.sampled_from([*PARAMS["train"], "x"]), VALUES, max_size=3),
    max_size=4,
)


@given(
    st.dictionaries(
        st.sampled_from([*KEYS, "ss_tag_frequency", "ss_network_module", "ss_network_args"]), WORD, max_size=5
    ),
    st.none() | RECORD,
)
@examples(30, 5_000)
def test_any_checkpoint(
    tmp_path: Path, parsed: dict[str, Any], metadata: dict[str, str], record: dict[str, Any] | None
) -> None:
    if record is not None:
        metadata[METADATA_KEY] = json.dumps(record, skipkeys=True)
    tensor = {"dtype": "F16", "shape": [1, 2], "data_offsets": [0, 4]}
    content = {"__metadata__": metadata, "lora_unet_x_attn2_to_k.lora_down.weight": tensor}
    text = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    compared(tmp_path / "a.safetensors", tmp_path / "b.yaml")


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[", b"a: *b", b"train", b"train: ", b"- 1", b"run: 1\nsettings: 1", b"\0"]
)
def test_any_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    compared(tmp_path / "a.yaml", ROOT / "params.yaml")


def test_what_lies_beside_a_params_file(tmp_path: Path) -> None:
    """Captions that are pipes, links in a circle, folders or not UTF-8; a base without a sound configuration."""
    captions, base = tmp_path / "captions", tmp_path / "base" / "unet"
    captions.mkdir()
    base.mkdir(parents=True)
    os.mkfifo(captions / "pipe.txt")
    (captions / "circle.txt").symlink_to("circle.txt")
    (captions / "folder.txt").mkdir()
    (captions / "latin.txt").write_bytes(b"\xff\xfe")
    content = changed(changed(PARAMS, ("paths", "captions"), "captions"), ("paths", "base"), "base")
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(content))
    for config in ("", "[", "null", '{"cross_attention_dim": []}', "[" * 100_000, '{"cross_attention_dim": NaN}'):
        (base / "config.json").write_text(config)
        compared(tmp_path / "a.yaml", ROOT / "params.yaml")
