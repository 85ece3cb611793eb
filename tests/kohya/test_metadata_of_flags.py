"""Flags that only some runs have, under the keys of sd-scripts (train_network.py `metadata`, sai_model_spec.py)."""

import pytest
import yaml
from places import ROOT

from sprite_lora.bases.registry import load_family
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.kohya.metadata import Training, file_metadata, flags
from sprite_lora.kohya.train_params import Train


def written(**changes):
    content = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    some = Manifest(
        folder="2_punk", name="punk", num_repeats=2, resolution=64, art_pixels=24, background="#ffffff",
        sprites_sha256="", captions_sha256="", items=(),
    )  # fmt: skip
    training = Training(load_family("sd_v1").metadata(False), ROOT, "torch.optim.adamw.AdamW", 1, 1, 1, {})
    record = {"fingerprint": "0123456789abcdef", "base": "sha"}
    return file_metadata(Train(**{**content, **changes}), some, record, training)


@pytest.mark.parametrize(
    ("flag", "value", "key", "text"),
    [
        ("zero_terminal_snr", True, "ss_zero_terminal_snr", "True"),
        ("debiased_estimation_loss", True, "ss_debiased_estimation", "True"),
        ("ip_noise_gamma", 0.1, "ss_ip_noise_gamma", "0.1"),
        ("ip_noise_gamma_random_strength", True, "ss_ip_noise_gamma_random_strength", "True"),
        ("noise_offset_random_strength", True, "ss_noise_offset_random_strength", "True"),
        ("loss_type", "huber", "ss_loss_type", "huber"),
        ("huber_schedule", "constant", "ss_huber_schedule", "constant"),
        ("huber_c", 0.3, "ss_huber_c", "0.3"),
        ("caption_tag_dropout_rate", 0.2, "ss_caption_tag_dropout_rate", "0.2"),
        ("caption_dropout_every_n_epochs", 3, "ss_caption_dropout_every_n_epochs", "3"),
        ("text_encoder_lr", [1e-4, 2e-5], "ss_text_encoder_lr", "[0.0001, 2e-05]"),
        ("lr_scheduler", "polynomial", "ss_lr_scheduler", "polynomial"),
    ],
)
def test_flag_stands_under_its_key(flag, value, key, text):
    assert written(**{flag: value})[key] == text
    assert written()[key] != text
    assert str(flags(written(**{flag: value}))[flag]) == text


def test_full_fp16():
    half = written(full_fp16=True, mixed_precision="fp16", optimizer_type="Adafactor", lr_scheduler="adafactor")
    assert (half["ss_full_fp16"], written()["ss_full_fp16"]) == ("True", "False")


@pytest.mark.parametrize(
    ("changes", "range_"),
    [({"min_timestep": 200}, "200,1000"), ({"max_timestep": 700}, "0,700"), ({}, None)],
    ids=["from", "to", "all"],
)
def test_range_of_timesteps(changes, range_):
    """sd-scripts' `get_sai_model_spec`: the key is there only where one of the two is given."""
    assert written(**changes).get("modelspec.timestep_range") == range_


def test_keys_that_sd_scripts_got_later_are_read_and_not_written():
    assert "ss_huber_scale" not in written(huber_scale=2.0)
    assert flags({"ss_huber_scale": "2.0"})["huber_scale"] == 2.0
