import hashlib

import pytest

from sprite_lora.core import files


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
