"""Headers from files that nobody vouches for: every one is read right or refused in words, never a crash or a hang."""

import contextlib
import json
import os
import pickle
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sprite_lora.core.header import HeaderError, read_header


def put(path: Path, header: bytes, data: bytes = b"", length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def one(**changes: object) -> dict[str, object]:
    return {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8], **changes}


def test_agrees_with_the_library_on_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"b": np.zeros((3, 2), np.float16), "a": np.zeros((), np.float32)}, path, {"k": "ü"})
    header = read_header(path)
    with safe_open(path, "np") as theirs:
        assert header.metadata == theirs.metadata()
        assert set(header.tensors) == set(theirs.keys())
        assert all(header.tensors[name]["shape"] == theirs.get_slice(name).get_shape() for name in header.tensors)
    assert header.data_start + 16 == header.size


def test_files_that_differ_in_metadata_alone_have_one_layout(tmp_path: Path) -> None:
    arrays = {"a": np.zeros((2, 2), np.float16)}
    save_file(arrays, tmp_path / "a", {"epoch": "1"})
    save_file(arrays, tmp_path / "b", {"epoch": "2"})
    save_file({"a": np.zeros((4, 1), np.float16)}, tmp_path / "c", {"epoch": "2"})
    a, b, c = (read_header(tmp_path / name) for name in "abc")
    assert a.layout_digest == b.layout_digest != c.layout_digest
    assert (a.metadata["epoch"], b.metadata["epoch"]) == ("1", "2")
    assert c.tensors["a"]["shape"] == [4, 1]


@pytest.mark.parametrize(
    "header", [b'{"__metadata__": {"k": "v"}, "a": %s}', b'{"a": %s, "__metadata__": {"k": "v"}}  ']
)
def test_metadata_may_stand_anywhere(tmp_path: Path, header: bytes) -> None:
    path = put(tmp_path / "a", header % json.dumps(one()).encode(), bytes(8))
    for _ in range(2):
        found = read_header(path)
        assert found.metadata == {"k": "v"}
        assert list(found.tensors) == ["a"]


BROKEN = {
    "length of 2^63": (b"{}", b"", 2**63),
    "length past the end": (b"{}", b"", 3),
    "no JSON": (b'{"a": ', b"", None),
    "not an object": (b"[]", b"", None),
    "not UTF-8": (b'{"\xff": 1}', b"", None),
    "half a character": (b'{"__metadata__": {"a": "\\ud800"}}', b"", None),
    "duplicate tensors": (b'{"a": %s, "a": %s}' % ((json.dumps(one()).encode(),) * 2), bytes(8), None),
    "duplicate tensors, one without offsets": (
        b'{"a": {"dtype": 1}, "a": %s}' % json.dumps(one()).encode(),
        bytes(8),
        None,
    ),
    "duplicate dtype": (b'{"a": {"dtype": 1, %s}' % json.dumps(one()).encode()[1:], bytes(8), None),
    "duplicate metadata keys": (b'{"__metadata__": {"a": "1", "a": "2"}}', b"", None),
    "metadata twice": (b'{"__metadata__":{"a": "1"},"__metadata__":{"a": "2"}}', b"", None),
    "metadata not text": (b'{"__metadata__": {"a": 1}}', b"", None),
    "metadata a list": (b'{"__metadata__": []}', b"", None),
    "overlap": (json.dumps({"a": one(), "b": one(data_offsets=[4, 12])}).encode(), bytes(12), None),
    "gap": (json.dumps({"a": one(), "b": one(data_offsets=[12, 20])}).encode(), bytes(20), None),
    "out of range": (json.dumps({"a": one(data_offsets=[8, 16])}).encode(), bytes(8), None),
    "negative offsets": (json.dumps({"a": one(data_offsets=[-8, 0])}).encode(), bytes(8), None),
    "offsets reversed": (json.dumps({"a": one(data_offsets=[8, 0])}).encode(), bytes(8), None),
    "truncated tensors": (json.dumps({"a": one()}).encode(), bytes(7), None),
    "bytes after the end": (json.dumps({"a": one()}).encode(), bytes(9), None),
    "shape and bytes disagree": (json.dumps({"a": one(shape=[2, 3])}).encode(), bytes(8), None),
    "negative shape": (json.dumps({"a": one(shape=[-2, -2])}).encode(), bytes(8), None),
    "huge shape": (json.dumps({"a": one(shape=[2**62] * 60)}).encode(), bytes(8), None),
    "shape of booleans": (json.dumps({"a": one(shape=[True, 4])}).encode(), bytes(8), None),
    "a tensor that is a number": (b'{"a": 5}', b"", None),
    "a number of 5000 digits": (b'{"a": ' + b"9" * 5000 + b"}", b"", None),
    "deep nesting": (b'{"a": ' + b"[" * 100_000, b"", None),
    "dtype unknown": (json.dumps({"a": one(dtype="F17")}).encode(), bytes(8), None),
    "dtype missing": (b'{"a": {"shape": [], "data_offsets": [0, 0]}}', b"", None),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_headers_are_refused_in_words(tmp_path: Path, case: str) -> None:
    header, data, length = BROKEN[case]
    with pytest.raises(HeaderError, match=r"file: \w"):
        read_header(put(tmp_path / "file", header, data, length))


def test_an_empty_tensor_is_sound(tmp_path: Path) -> None:
    tensors = {"a": one(shape=[1000, 0], data_offsets=[0, 0])}
    assert read_header(put(tmp_path / "a", json.dumps(tensors).encode())).tensors["a"]["shape"] == [1000, 0]


@pytest.mark.parametrize("size", [0, 7, 9])
def test_files_too_short_to_be_anything(tmp_path: Path, size: int) -> None:
    (tmp_path / "a").write_bytes(bytes(size))
    with pytest.raises(HeaderError, match="too few"):
        read_header(tmp_path / "a")


class Trap:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.path), 0o755)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_named_and_never_loaded(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung"), protocol))
    with pytest.raises(HeaderError, match="pickle"):
        read_header(path)
    assert not (tmp_path / "sprung").exists()


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    with pytest.raises(HeaderError, match="LFS"):
        read_header(tmp_path / "a")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HeaderError, match="no ordinary file"):
        read_header(tmp_path / "pipe")


@pytest.mark.parametrize("filler", [b'"a":"', b'{"a":[', b'{"a":{'])
def test_a_header_of_100_mb_is_refused_unread(tmp_path: Path, filler: bytes) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 100 * 2**20) + b"{" + filler)
        file.truncate(8 + 100 * 2**20)
    tracemalloc.start()
    with pytest.raises(HeaderError, match="header of 104,857,600 bytes"):
        read_header(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("item", [b'"%d":"",'])
def test_a_header_of_millions_of_entries_is_not_parsed(tmp_path: Path, item: bytes) -> None:
    header = b"{" + b"".join(item % number for number in range(1_001_000)) + b'"z":{}}'
    tracemalloc.start()
    with pytest.raises(HeaderError, match="entries"):
        read_header(put(tmp_path / "many", header))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(header)


VALID = json.dumps({"__metadata__": {"k": "v"}, "a": one(), "b": one(data_offsets=[8, 16])}).encode()


@given(st.data())
@settings(max_examples=150, deadline=30_000)
def test_no_damage_gets_further_than_a_message(tmp_path: Path, data: st.DataObject) -> None:
    """What the library refuses is refused; what it takes is taken, except for what misleads: keys stated twice."""
    content = bytearray(struct.pack("<Q", len(VALID)) + VALID + bytes(16))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["set", "delete", "insert", "cut"]))
        if kind == "set":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "delete":
            del content[at]
        elif kind == "insert":
            content[at:at] = data.draw(st.binary(max_size=6))
        else:
            del content[at:]
            break
        if not content:
            break
    path = tmp_path / "fuzzed"
    path.write_bytes(content)
    try:
        header = read_header(path)
    except HeaderError:
        return
    with safe_open(path, "np") as theirs:
        assert set(theirs.keys()) == set(header.tensors)


@given(st.binary(max_size=400))
@example(b"")
@settings(max_examples=100, deadline=30_000)
def test_any_bytes_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "any").write_bytes(content)
    try:
        read_header(tmp_path / "any")
    except HeaderError:
        with contextlib.suppress(SafetensorError, OSError), safe_open(tmp_path / "any", "np") as theirs:
            assert not theirs.keys()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
TENSOR = st.fixed_dictionaries({}, optional={"dtype": JSON | st.just("F16"), "shape": JSON, "data_offsets": JSON})


@given(st.dictionaries(st.text(max_size=4) | st.just("__metadata__"), JSON | TENSOR, max_size=4), st.binary(max_size=8))
@settings(max_examples=150, deadline=30_000)
def test_any_json_at_all(tmp_path: Path, content: dict[str, object], data: bytes) -> None:
    path = put(tmp_path / "any", json.dumps(content).encode(), data)
    try:
        header = read_header(path)
    except HeaderError:
        return
    assert all(isinstance(value, str) for value in header.metadata.values())
