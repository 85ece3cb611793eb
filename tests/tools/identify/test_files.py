"""Whole files: those that sd-scripts wrote, base models, pictures, and what is none of them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sprite_lora.core.record import METADATA_KEY
from sprite_lora.results.picture import web_ui_text, write_picture
from tools.drift.sources import read_facts
from tools.identify.describe import describe

Write = Callable[..., Path]


def test_what_sd_scripts_wrote(kohya_files: Path) -> None:
    found = describe(kohya_files / "sd15_perfect.safetensors", hashes=True)
    assert found["problems"] == []
    assert (found["kind"], found["layout"], found["base"]["family"]) == ("LoRA", "kohya", "sd_v1")
    assert (found["rank"], found["alpha"]["value"], found["alpha"]["source"]) == (1, 0.5, "tensors")
    assert (found["precision"], found["modules"], found["epoch"], found["step"]) == ("fp16", 264, 2, 4)
    assert all(entry["agrees"] for name, entry in found["hashes"].items() if name != "sha256")
    assert found["dataset"]["folders"] == {"2_punk": {"n_repeats": 2, "img_count": 4}}
    settings = {name: entry["value"] for name, entry in found["settings"].items()}
    expected = {
        "resolution": "64x64", "unet_lr": 1e-4, "text_encoder_lr": 5e-5, "shuffle_caption": True, "keep_tokens": 2,
        "max_token_length": 225, "lr_scheduler": "cosine_with_restarts", "min_snr_gamma": 5, "noise_offset": 0.1,
        "multires_noise_iterations": 6, "multires_noise_discount": 0.3, "adaptive_noise_scale": 0.00357,
        "train_batch_size": 4, "cache_latents": True, "optimizer_type": "AdamW", "seed": 42, "mixed_precision": "no",
        "max_train_epochs": 2, "num_repeats": 2, "save_precision": "fp16",
    }  # fmt: skip
    assert {name: settings[name] for name in expected} == expected


def test_flags_that_were_not_given_show_the_trainers_default(kohya_files: Path) -> None:
    found = describe(kohya_files / "no_save_precision.safetensors", hashes=True)
    assert (found["rank"], found["alpha"]["value"], found["precision"]) == (2, 1.0, "fp32")
    settings = found["settings"]
    assert settings["max_token_length"] == {"value": 75, "state": "default", "note": ""}
    assert settings["multires_noise_iterations"]["value"] is None
    assert settings["lr_scheduler_num_cycles"]["state"] == "unknown"
    assert settings["save_precision"] == {"value": "float", "state": "tensors", "note": ""}


def test_epochs_of_one_run(kohya_files: Path) -> None:
    first = describe(kohya_files / "sd15_perfect-000001.safetensors")
    assert (first["epoch"], first["step"]) == (1, 2)


def test_changed_weights_and_false_words_are_told(kohya_files: Path, tmp_path: Path) -> None:
    content = bytearray((kohya_files / "sd15_perfect.safetensors").read_bytes())
    content[-1] ^= 1
    content = content.replace(b'"ss_network_dim":"1"', b'"ss_network_dim":"8"').replace(
        b'"ss_base_model_version":"sd_v1"', b'"ss_base_model_version":"sd_v2"'
    )
    (tmp_path / "a.safetensors").write_bytes(content)
    problems = describe(tmp_path / "a.safetensors", hashes=True)["problems"]
    assert [problem.split(",")[0].split(" but")[0] for problem in problems[:2]] == [
        "states the base sd_v2",
        "states network_dim 8",
    ]
    assert any("sshs_model_hash" in problem for problem in problems)


UNET = "model.diffusion_model."
BASES = {
    "SD1.5": ({"cond_stage_model.transformer.x": ("F16", [1]), "k": ("F16", [320, 768])}, "sd_v1", "base model", None),
    "SD2": (
        {"cond_stage_model.model.transformer.x": ("F16", [1]), "k": ("F16", [640, 1024])},
        "sd_v2",
        "base model",
        "velocity",
    ),
    "SDXL": (
        {"conditioner.embedders.1.x": ("F16", [1]), "k": ("F16", [640, 2048])},
        "sdxl_base_v1-0",
        "base model",
        None,
    ),
    "refiner": ({"conditioner.embedders.0.x": ("F16", [1]), "k": ("F16", [768, 1280])}, "unknown", "base model", None),
    "inpainting": (
        {"cond_stage_model.x": ("F16", [1]), "k": ("F16", [640, 768])}
        | {UNET + "input_blocks.0.0.weight": ("F16", [320, 9, 3, 3])},
        "sd_v1",
        "base model",
        "inpainting",
    ),
    "U-Net": ({"k": ("F16", [640, 768])}, "sd_v1", "U-Net", None),
}


@pytest.mark.parametrize("case", BASES)
def test_base_models(write: Write, case: str) -> None:
    tensors, family, kind, note = BASES[case]
    key = UNET + "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    found = describe(write({key if name == "k" else name: value for name, value in tensors.items()}))
    assert (found["kind"], found["base"]["family"]) == (kind, family)
    assert (note is None) == (found["notes"] == [])
    assert note is None or note in found["notes"][0]


@pytest.mark.parametrize(
    ("tensor", "kind"),
    [
        ("double_blocks.0.img_attn.qkv.weight", "base model"),
        ("decoder.up.0.block.0.weight", "unknown"),
        ("encoder.down.0.block.0.conv1.weight", "VAE"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", "text encoder"),
        ("control_model.input_blocks.0.0.weight", "ControlNet"),
        ("emb_params", "embedding"),
    ],
)
def test_other_models_are_named_and_their_base_is_unknown(write: Write, tensor: str, kind: str) -> None:
    found = describe(write({tensor: ("F16", [4, 4])}))
    assert (found["kind"], found["base"]["family"]) == (kind, "unknown")


def test_a_diffusers_folder(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text('{"cross_attention_dim": 768}')
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "x": [None, None]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    found = describe(tmp_path)
    assert (found["base"]["family"], found["parts"]) == ("sd_v1", {"unet": "UNet2DConditionModel"})


def test_our_picture_and_a_web_uis(tmp_path: Path) -> None:
    line = web_ui_text(
        prompt="pixel art", negative_prompt="", steps=30, scheduler="ddim", guidance_scale=7.5, seed=42,
        size=(8, 8), model="nano", model_hash="ab" * 32, loras={"punk": "cd" * 32},
    )  # fmt: skip
    write_picture(tmp_path / "a.png", Image.new("RGB", (8, 8)), {"checkpoint": "cd" * 32, "epoch": 3}, line)
    found = describe(tmp_path / "a.png")
    assert found["record"].items() >= {"checkpoint": "cd" * 32, "epoch": 3}.items()
    assert found["web_ui"]["lora_hashes"] == {"punk": "cd" * 6}
    assert found["web_ui"]["settings"]["Seed"] == "42"


def test_a_picture_without_a_record_says_so(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert "no record" in describe(tmp_path / "a.png")["notes"][0]


def test_command_on_sound_and_broken_files(write: Write, tmp_path: Path) -> None:
    sound = write({"lora_unet_attn2_to_k.lora_down.weight": ("F16", [4, 768])}, {METADATA_KEY: '{"fingerprint": "ff"}'})
    broken = tmp_path / "model.ckpt"
    broken.write_bytes(b"PK\x03\x04 and so on")
    command = [sys.executable, "-m", "tools.command_line", "identify", str(sound), str(broken)]
    result = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert result.returncode == 1
    first, second = json.loads(result.stdout)
    assert (first["rank"], first["record"]) == (4, {"fingerprint": "ff"})
    assert (second["kind"], "pickle" in second["problems"][0]) == ("unreadable", True)
    told = subprocess.run(command, capture_output=True, text=True)
    assert "fingerprint ff" in told.stdout
    assert "pickle" in told.stdout
    assert "Traceback" not in told.stderr + result.stderr


def test_control_characters_do_not_reach_the_terminal(write: Write) -> None:
    tensors = {"lora_unet_attn2_to_k.lora_down.weight": ("F16", [4, 768])}
    path = write(tensors, {"ss_sd_model_name": "a\x1b]0;b\x07[red]c", "ss_epoch": "1"})
    told = subprocess.run(
        [sys.executable, "-m", "tools.command_line", "identify", str(path)], capture_output=True, text=True
    )
    assert told.returncode == 0
    assert "\x1b" not in told.stdout
    assert "[red]c" in told.stdout


def test_our_file_says_what_drift_says(write: Write) -> None:
    """Settings that kohya's metadata has no key for are in our record: `art_pixels` is one."""
    record = {"params": {"network_dim": 4, "learning_rate": 1e-4}, "package": {"resolution": 96, "art_pixels": 24}}
    tensors = {"lora_unet_attn2_to_k.lora_down.weight": ("F16", [4, 768])}
    path = write(tensors, {METADATA_KEY: json.dumps(record), "ss_network_dim": "4"})
    found = {name: entry["value"] for name, entry in describe(path)["settings"].items()}
    assert found["art_pixels"] == 24
    assert found == {name: value.value for name, value in read_facts(str(path), None).settings.items()}
