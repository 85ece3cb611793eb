"""`sprite-lora code` counts the code of the family that params.yaml's base is of."""

import shutil

import pytest
import yaml
from places import ROOT

from sprite_lora.bases.registry import REGISTRY
from tools.code import code_of, present_choice


@pytest.fixture
def params(tmp_path, monkeypatch):
    """Write a params.yaml with that base model into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(base):
        content = yaml.safe_load((ROOT / "params.yaml").read_text())
        place = tmp_path / "base" / base.name
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(base)
        content["paths"]["base"] = f"base/{base.name}"
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))

    return write


def families_in(stage):
    return {name for name in code_of(stage, present_choice()) if name in REGISTRY.values()}


def test_train_and_sample_are_the_code_of_the_bases_family(params, tiny_sd, tiny_sdxl, tmp_path):
    for base, family in ((tiny_sd, "sd_v1"), (tiny_sdxl, "sdxl_base_v1-0")):
        params(base)
        for stage in ("train", "sample"):
            assert families_in(stage) == {REGISTRY[family]}
        for stage in ("validate", "report"):
            assert families_in(stage) == set(REGISTRY.values())


def test_without_a_base_no_family_is_chosen(params, tmp_path):
    """`validate` says what is wrong with it: the stage `code` must not stop before."""
    assert families_in("train") == set()
    params(tmp_path / "absent")
    assert families_in("train") == set()
    shutil.copy(ROOT / "params.yaml", tmp_path / "weights.safetensors")
    params(tmp_path / "weights.safetensors")
    assert families_in("train") == set()
