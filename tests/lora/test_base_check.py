"""Which base models can be trained on, by their files alone."""

import pytest
from places import ROOT

from sprite_lora.lora.base_check import check_base


def test_a_usable_base():
    tokenizer, found = check_base(ROOT / "models/nano", "params.yaml:5")
    assert found == []
    assert tokenizer.count("pixel art") == 2


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("none", None, "does not exist"),
        ("a.ckpt", b"", "is a pickle"),
        ("a.bmp", b"", "is no .safetensors file"),
        ("a.safetensors", b"", "a.safetensors"),
    ],
)
def test_unusable_bases(tmp_path, name, content, wrong):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    tokenizer, (case,) = check_base(tmp_path / name, "params.yaml:5")
    assert tokenizer is None
    assert (case.rule, case.file) == ("base", "params.yaml:5")
    assert wrong in case.message


@pytest.mark.parametrize(
    ("index", "wrong"), [(None, "without model_index.json"), ("{", "is not JSON"), ("{}", "lacks unet/, vae/")]
)
def test_unusable_folders(tmp_path, index, wrong):
    if index:
        (tmp_path / "model_index.json").write_text(index)
    _, (case,) = check_base(tmp_path, "params.yaml:5")
    assert wrong in case.message
