"""LoRAs with kohya's names and metadata, of our own making: what identify and drift read, on every machine."""

import pytest
import torch
import yaml
from places import ROOT

from sprite_lora.bases.registry import load_family
from sprite_lora.dataset.manifest import Item, Manifest
from sprite_lora.kohya.metadata import Training, epoch_metadata, file_metadata
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.file import write_lora
from sprite_lora.results.changes import compare
from tools.drift.sources import read_facts
from tools.identify.describe import describe

MODULES = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k": (768, 320),
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q": (1280, 1280),
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (768, 768),
}
"""Name to inputs and outputs."""


@pytest.fixture
def made(tmp_path):
    """made(name, epoch, **flags): the file's path. The file has no record of ours, as another trainer's."""

    def made(name, epoch=2, **flags):
        content = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
        plain = {"conv_dim": None, "conv_alpha": None, "network_dim": 4, "network_alpha": 2.0, "max_train_epochs": 2}
        train = Train(**{**content, **plain, **flags})
        items = [Item(stem="a", caption="red hat, a", sprite_sha256="", caption_sha256="", snapped_pixels=0)]
        manifest = Manifest(
            folder="2_knight", name="knight", num_repeats=2, resolution=64, art_pixels=16, background="#ffffff",
            sprites_sha256="", captions_sha256="", items=tuple(items),
        )  # fmt: skip
        record = {"fingerprint": "0123456789abcdef", "base": "b" * 64}
        base = load_family("sd_v1").metadata(False)
        training = Training(base, tmp_path, "torch.optim.adamw.AdamW", 1, 2, 2, {})
        stamp = epoch_metadata(record | {"epoch": epoch}, epoch, epoch)
        metadata = file_metadata(train, manifest, record, training) | stamp
        del metadata["sprite_lora"]
        dtype = {"fp16": torch.float16, "float": torch.float32}[train.save_precision]
        tensors = {}
        for module, (inputs, outputs) in MODULES.items():
            tensors[f"{module}.lora_down.weight"] = torch.ones(train.network_dim, inputs, dtype=dtype)
            tensors[f"{module}.lora_up.weight"] = torch.full((outputs, train.network_dim), float(epoch), dtype=dtype)
            tensors[f"{module}.alpha"] = torch.tensor(train.network_alpha, dtype=dtype)
        path = tmp_path / f"{name}.safetensors"
        write_lora(path, tensors, metadata)
        return path

    return made


def test_what_the_file_is(made):
    found = describe(made("knight", min_snr_gamma=5.0), hashes=True)
    assert found["problems"] == []
    assert (found["kind"], found["layout"], found["base"]["family"]) == ("LoRA", "kohya", "sd_v1")
    assert (found["rank"], found["alpha"]["value"], found["alpha"]["source"]) == (4, 2.0, "tensors")
    assert (found["precision"], found["modules"], found["epoch"], found["step"]) == ("fp16", 3, 2, 2)
    assert found["dataset"]["folders"] == {"2_knight": {"n_repeats": 2, "img_count": 1}}
    assert all(entry["agrees"] for name, entry in found["hashes"].items() if name != "sha256")
    settings = {name: entry["value"] for name, entry in found["settings"].items()}
    expected = {"resolution": "64x64", "min_snr_gamma": 5.0, "num_repeats": 2, "seed": 42, "save_precision": "fp16"}
    assert {name: settings[name] for name in expected} == expected


def test_false_words_and_changed_weights(made):
    path = made("knight")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content.replace(b'"ss_network_dim":"4"', b'"ss_network_dim":"8"'))
    problems = "\n".join(describe(path, hashes=True)["problems"])
    assert "states network_dim 8, its tensors have rank 4" in problems
    assert "states sshs_model_hash" in problems


def test_two_runs_differ_in_what_was_set(made):
    one, other = made("one"), made("other", network_dim=8, save_precision="float", shuffle_caption=False, keep_tokens=0)
    result = compare(read_facts(str(one), None), read_facts(str(other), None))
    assert {row.name: (row.a, row.b) for row in result.changed} == {
        "network_dim": ("4", "8"),
        "save_precision": ("fp16", "float"),
        "shuffle_caption": ("on", "off"),
        "keep_tokens": ("2", "0"),
    }
    assert result.captions.answer == "same"


def test_two_epochs_of_one_run_do_not_differ(made):
    one, other = made("knight-000001", epoch=1), made("knight")
    assert compare(read_facts(str(one), None), read_facts(str(other), None)).changed == ()
