"""Which base models can be trained on, by their files alone."""

import json
import shutil
from pathlib import Path

import pytest
from places import ROOT

from sprite_lora.bases.registry import families, family_of
from sprite_lora.lora.base_check import check_base
from sprite_lora.lora.base_configs import read_configs


def test_a_usable_base():
    tokenizer, found, configs = check_base(ROOT / "models/nano", "params.yaml:5")
    assert found == []
    assert tokenizer.count("pixel art") == 2
    assert (configs.text[0].num_hidden_layers, configs.scheduler.prediction_type) == (4, "epsilon")


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
    tokenizer, (case,), _ = check_base(tmp_path / name, "params.yaml:5")
    assert tokenizer is None
    assert (case.rule, case.file) == ("base", "params.yaml:5")
    assert wrong in case.message


@pytest.mark.parametrize(
    ("index", "wrong"), [(None, "without model_index.json"), ("{", "is not JSON"), ("{}", "lacks unet/, vae/")]
)
def test_unusable_folders(tmp_path, index, wrong):
    if index:
        (tmp_path / "model_index.json").write_text(index)
    _, (case,), _ = check_base(tmp_path, "params.yaml:5")
    assert wrong in case.message


def changed(name, **values):
    """A change of one config."""

    def change(base):
        file = base / name
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return change


def written(name, text):
    return lambda base: (base / name).write_text(text)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (written("unet/config.json", "{"), "unet/config.json: "),
        (written("unet/config.json", "[" * 100_000), "unet/config.json: "),
        (written("unet/config.json", "null"), "unet/config.json: "),
        (lambda base: (base / "vae/config.json").unlink(), "vae/config.json is missing"),
        (changed("unet/config.json", _class_name="FluxTransformer"), "_class_name"),
        (changed("unet/config.json", in_channels=9), "conv_in.weight has shape [64, 4, 3, 3]"),
        (changed("unet/config.json", block_out_channels=[0]), "block_out_channels"),
        (changed("unet/config.json", cross_attention_dim=768), "the U-Net reads text of width 768"),
        (changed("text_encoder/config.json", num_hidden_layers=12), "weights of 4 layers"),
        (changed("text_encoder/config.json", num_attention_heads=5), "no multiple of num_attention_heads 5"),
        (changed("text_encoder/config.json", vocab_size=100), "vocab_size"),
        (changed("vae/config.json", scaling_factor=float("nan")), "scaling_factor"),
        (changed("scheduler/scheduler_config.json", beta_schedule="sine"), "beta_schedule"),
        (changed("scheduler/scheduler_config.json", beta_schedule=None), "names no beta_schedule"),
        (changed("scheduler/scheduler_config.json", prediction_type="flow"), "prediction_type"),
        (written("tokenizer/tokenizer.json", "{}"), "tokenizer cannot be read"),
    ],
)
def test_a_base_that_cannot_be_loaded_is_named_by_its_file(tmp_path, change, wrong):
    base = tmp_path / "base"
    shutil.copytree(ROOT / "models/nano", base)
    change(base)
    tokenizer, (case,), configs = check_base(base, "params.yaml:5")
    assert (tokenizer, configs) == (None, None)
    assert wrong in case.message


def test_bases_of_other_families_are_usable(tiny_sd, tiny_sdxl):
    for base in (tiny_sd, tiny_sdxl):
        assert len(read_configs(base, family_of(base)).text) == len(family_of(base).text_encoders)
    for family in families():
        assert read_configs(Path("model.safetensors"), family).unet.in_channels == 4
