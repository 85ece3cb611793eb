"""Metadata against files that sd-scripts itself wrote, from the same flags, pictures and captions."""

import json

import pytest
import yaml
from places import ROOT, SHARED

from sprite_lora.bases.registry import load_family
from sprite_lora.core.header import read_header
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.dataset.manifest import Item, Manifest
from sprite_lora.kohya.metadata import Training, count_tags, epoch_metadata, file_metadata, short_hash
from sprite_lora.kohya.train_params import Train
from stages.train.native.batch import BatchPlan, entries

KOHYA = SHARED / "kohya"
RECORD = {"fingerprint": "0123456789abcdef", "base": "base-sha"}
COMMON = {
    "learning_rate": 1e-4, "unet_lr": 1e-4, "text_encoder_lr": 5e-5, "network_dim": 1, "network_alpha": 0.5,
    "shuffle_caption": True, "keep_tokens": 2, "max_token_length": 225, "lr_scheduler_num_cycles": 3,
    "min_snr_gamma": 5.0, "noise_offset": 0.1, "multires_noise_iterations": 6, "multires_noise_discount": 0.3,
    "adaptive_noise_scale": 0.00357, "train_batch_size": 4, "max_train_epochs": 2, "output_name": "sd15_perfect",
    "save_precision": "fp16", "lr_scheduler": "cosine_with_restarts", "optimizer_type": "AdamW", "seed": 42,
}  # fmt: skip
SECOND = {
    "save_precision": None, "shuffle_caption": False, "keep_tokens": 0, "max_token_length": 75, "train_batch_size": 2,
    "multires_noise_iterations": None, "adaptive_noise_scale": None, "network_dim": 2, "network_alpha": 1.0,
    "output_name": "sdxl_current_flags_on_sd15",
}  # fmt: skip
OURS = {
    "ss_session_id": "19088743",
    "ss_training_started_at": "0.0",
    "ss_training_finished_at": "0.0",
    "modelspec.date": "1970-01-01T00:00:00",
    "ss_sd_scripts_commit_hash": "(unknown)",
}
"""Keys whose value is a clock, a random id or a checkout in kohya's files."""


def params(**changes):
    content = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    plain = {"conv_dim": None, "conv_alpha": None, "min_snr_gamma": 5.0}
    return Train(**{**content, **plain, **changes})


def manifest(captions, folder="2_punk", resolution=64):
    items = [
        Item(stem=stem, caption=caption, sprite_sha256="", caption_sha256="", snapped_pixels=0)
        for stem, caption in captions.items()
    ]
    return Manifest(
        folder=folder, name="punk", num_repeats=2, resolution=resolution, art_pixels=24, background="#ffffff",
        sprites_sha256="", captions_sha256="", items=tuple(items),
    )  # fmt: skip


def metadata(train, some, family="sd_v1", base=ROOT, regularisation=None):
    plan = BatchPlan(
        entries(len(some.items), 2, []), train.train_batch_size, train.gradient_accumulation_steps, 1,
        train.max_train_epochs,
    )  # fmt: skip
    optimizer = "torch.optim.adamw.AdamW"
    named = load_family(family).metadata(train.v_parameterization)
    counts = (plan.batches_per_epoch, plan.begun_epochs, plan.steps)
    training = Training(named, base, optimizer, *counts, regularisation or {})
    return file_metadata(train, some, RECORD, training)


@pytest.fixture
def kohya_manifest():
    if not KOHYA.exists():
        pytest.skip("the files that sd-scripts wrote are not on this machine")
    texts = sorted((KOHYA / "dataset_2_punk").glob("*.txt"))
    return manifest({path.stem: path.read_text().split("\n")[0].strip() for path in texts})


@pytest.mark.parametrize(
    ("file", "changes", "epoch", "steps"),
    [
        ("sd15_perfect-000001", {}, 1, 2),
        ("sd15_perfect", {}, 2, 4),
        ("no_save_precision", SECOND, 2, 8),
    ],
)
def test_every_key_and_value_is_kohyas(kohya_manifest, tmp_path, file, changes, epoch, steps):
    theirs = dict(read_header(KOHYA / f"{file}.safetensors").metadata)
    base = tmp_path / "rand15"
    base.mkdir()
    own = metadata(params(**{**COMMON, **changes}), kohya_manifest, base=base)
    own |= epoch_metadata(RECORD | {"epoch": epoch}, epoch, steps)
    record = own.pop(METADATA_KEY)
    assert json.loads(record) == {**RECORD, "epoch": epoch}
    hashes = {key: theirs.pop(key) for key in ("sshs_model_hash", "sshs_legacy_hash")}
    assert set(hashes) == {"sshs_model_hash", "sshs_legacy_hash"}
    assert own == {**theirs, **OURS}


def test_sdxl(kohya_manifest):
    own = metadata(params(**COMMON), kohya_manifest, "sdxl_base_v1-0")
    assert own["ss_base_model_version"] == "sdxl_base_v1-0"
    assert own["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert own["modelspec.implementation"] == "https://github.com/Stability-AI/generative-models"
    assert own["ss_v2"] == "False"


@pytest.mark.parametrize(
    ("family", "velocity", "version", "architecture"),
    [
        ("sd_v1", True, "sd_v1_v", "stable-diffusion-v1/lora"),
        ("sd_v2", False, "sd_v2", "stable-diffusion-v2-512/lora"),
        ("sd_v2", True, "sd_v2_v", "stable-diffusion-v2-768-v/lora"),
    ],
)
def test_velocity(family, velocity, version, architecture):
    own = metadata(params(v_parameterization=velocity), manifest({"a": "x"}), family)
    assert own["ss_base_model_version"] == version
    assert own["modelspec.architecture"] == architecture
    assert own["modelspec.prediction_type"] == ("v" if velocity else "epsilon")
    assert own["ss_v2"] == str(family == "sd_v2")


def test_convolutions_and_clip_skip():
    own = metadata(params(conv_dim=4, conv_alpha=2.0, network_dropout=0.1, clip_skip=2), manifest({"a": "x"}))
    assert json.loads(own["ss_network_args"]) == {"conv_dim": "4", "conv_alpha": "2.0", "dropout": 0.1}
    assert own["modelspec.encoder_layer"] == "2"
    assert own["ss_clip_skip"] == "2"
    assert "ss_network_args" not in metadata(params(), manifest({"a": "x"}))


def test_regularisation():
    own = metadata(params(), manifest({"a": "x"}), regularisation={"3_person": {"n_repeats": 3, "img_count": 5}})
    assert own["ss_num_reg_images"] == "15"
    assert json.loads(own["ss_reg_dataset_dirs"]) == {"3_person": {"n_repeats": 3, "img_count": 5}}


def test_single_file_base_has_kohyas_hashes(tmp_path):
    import hashlib

    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(range(256)) * 5000)
    own = metadata(params(), manifest({"a": "x"}), base=path)
    assert own["ss_sd_model_name"] == "model.safetensors"
    assert own["ss_sd_model_hash"] == hashlib.sha256(path.read_bytes()[0x100000:0x110000]).hexdigest()[:8]
    assert own["ss_sd_model_hash"] == short_hash(path)
    assert own["ss_new_sd_model_hash"] == "base-sha"


def test_all_values_are_text():
    own = metadata(params(), manifest({"a": "x"})) | epoch_metadata(RECORD, 1, 2)
    assert {type(value) for value in own.values()} == {str}


def test_tags_are_counted_per_caption():
    assert count_tags(["A, b", "a , c,", "b"]) == {"a": 2, "b": 2, "c": 1}
