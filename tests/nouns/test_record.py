from pathlib import Path

import pytest

from stages import record

DVC = """
stages:
  train:
    deps: ["${paths.base}", stages/train, stages/lora.py]
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("stages/train").mkdir(parents=True)
    Path("stages/train/__main__.py").write_text("1")
    Path("stages/lora.py").write_text("2")
    Path("stages/other.py").write_text("3")
    Path("dvc.yaml").write_text(DVC)
    return record.code_hash("train")


def test_code_hash_sees_the_stages_deps_and_nothing_else(code):
    Path("stages/other.py").write_text("changed")
    Path("stages/train/__pycache__").mkdir()
    Path("stages/train/__pycache__/x.cpython-311.pyc").write_bytes(b"x")
    assert record.code_hash("train") == code
    Path("stages/lora.py").write_text("changed")
    assert record.code_hash("train") != code


def test_a_model_card_changes_no_base(tmp_path):
    (tmp_path / "unet.safetensors").write_bytes(b"w")
    before = record.base_hash(tmp_path)
    (tmp_path / "README.md").write_text("card")
    assert record.base_hash(tmp_path) == before
    (tmp_path / "unet.safetensors").write_bytes(b"v")
    assert record.base_hash(tmp_path) != before


def test_fingerprint_covers_every_value_and_not_itself():
    one = record.stamped({"a": 1, "b": {"c": 2}})
    assert record.fingerprint(one) == one["fingerprint"]
    assert record.fingerprint({"a": 1, "b": {"c": 3}}) != one["fingerprint"]
