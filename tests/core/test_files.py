import hashlib
import os
import resource
import signal
import socket

import pytest

from sprite_lora.core import files
from sprite_lora.core.errors import SpriteLoraError


def test_a_file_of_the_largest_size_is_read_and_one_byte_more_is_not(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert files.read_bounded(tmp_path / "a", 5) == b"12345"
    with pytest.raises(SpriteLoraError, match="a: 5 bytes; at most 4 are read"):
        files.read_bounded(tmp_path / "a", 4)


def test_only_regular_files_are_opened(tmp_path, monkeypatch):
    """A pipe without a writer would hold the reader for ever."""
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    os.mkfifo("pipe")
    files.Path("link").symlink_to("pipe")
    files.Path("circle").symlink_to("circle")
    files.Path("folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    for name, said in (
        ("pipe", "a pipe, socket or device"),
        ("link", "a pipe, socket or device"),
        ("socket", "a pipe, socket or device"),
        ("/dev/zero", "a pipe, socket or device"),
        ("folder", "is a folder"),
        ("circle", "Too many levels"),
        ("absent", "does not exist"),
        ("folder/" + "x" * 300, "File name too long"),
        ("a\0b", "is no file name"),
        ("a\ud800", "is no file name"),
    ):
        with pytest.raises(SpriteLoraError, match=said):
            files.read_bounded(files.Path(name), 10)


def test_a_file_that_fails_while_it_is_read():
    with pytest.raises(SpriteLoraError, match="cannot be read: Input/output error"):
        files.read_bounded(files.Path("/proc/self/mem"), 10)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    files.write_text(path, "old")
    with pytest.raises(FileNotFoundError), files.replacing(path) as temporary:
        (temporary.parent / "not there" / "x").write_bytes(b"half")
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["a.json"]


def test_a_new_file_is_readable_by_others(tmp_path):
    files.write_text(tmp_path / "folder" / "a", "x")
    assert (tmp_path / "folder" / "a").stat().st_mode & 0o777 == 0o644


def test_canonical_json_has_one_spelling():
    assert files.canonical_json({"b": 1, "a": [1.5, "é"]}) == '{"a":[1.5,"é"],"b":1}'
    assert files.canonical_json({"b": 1, "a": 2}) == files.canonical_json({"a": 2, "b": 1})


def test_sha256_equals_hashlib(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\0" * 100_000)
    assert files.sha256(path) == hashlib.sha256(b"\0" * 100_000).hexdigest()


def test_tree_hash_sees_names_and_contents_but_not_what_is_skipped(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("1")
    one = files.sha256_tree(tmp_path)
    (tmp_path / "note.md").write_text("x")
    assert files.sha256_tree(tmp_path, skip=(".md",)) == one
    assert files.sha256_tree(tmp_path) != one
    (tmp_path / "note.md").unlink()
    (tmp_path / "sub" / "a").rename(tmp_path / "sub" / "b")
    assert files.sha256_tree(tmp_path) != one
    (tmp_path / "sub" / "b").rename(tmp_path / "sub" / "a")
    assert files.sha256_tree(tmp_path) == one
    (tmp_path / "sub" / "a").write_text("2")
    assert files.sha256_tree(tmp_path) != one


@pytest.mark.parametrize("content", [b"new", b"n" * 2**20])
def test_a_full_disk_leaves_the_old_file(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        with pytest.raises(SpriteLoraError, match=r"report\.json cannot be written: File too large"):
            files.write_bytes(path, content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (b"old", ["report.json"])


def test_a_folder_that_takes_no_files(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpriteLoraError, match=r"file/report\.json cannot be written: "):
        files.write_bytes(tmp_path / "file" / "report.json", b"")
