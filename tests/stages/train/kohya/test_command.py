"""The command lines of known runs: those that the notes on two of them print, and the table that is left of a third.

Each flag of a noted command stands in ours with the same value, but for those that the project owns; each flag that
ours has beside them is owned too, or has the value that sd-scripts takes without it.
"""

from dataclasses import replace

import pytest
import yaml
from places import ROOT, SHARED

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.sd_scripts import ARGUMENTS, DEFAULT_TAG, script
from sprite_lora.kohya.train_params import Train
from stages.train.kohya.command import Place, arguments, check_flags, flags, launch

SDXL_CURRENT = {
    "pretrained_model_name_or_path": "stabilityai/stable-diffusion-xl-base-1.0",
    "train_data_dir": "/workspace/training_data", "resolution": "1024,1024", "output_dir": "/workspace/output",
    "output_name": "bespoke_baby_sdxl", "save_model_as": "safetensors", "max_train_epochs": "10",
    "learning_rate": "0.0001", "unet_lr": "0.0001", "text_encoder_lr": "0.00005", "network_module": "networks.lora",
    "network_dim": "128", "network_alpha": "64", "save_every_n_epochs": "1", "mixed_precision": "bf16",
    "cache_latents": "", "cache_latents_to_disk": "", "optimizer_type": "AdamW8bit", "caption_extension": ".txt",
    "lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": "3", "min_snr_gamma": "5", "noise_offset": "0.1",
    "train_batch_size": "2", "gradient_checkpointing": "", "xformers": "", "seed": "42",
}  # fmt: skip
"""The command of the notes on `sdxl_current`, flag by flag; a switch has no value."""

SDXL_FIXED = {
    **SDXL_CURRENT,
    "output_name": "bespoke_baby_sdxl_fixed", "network_dim": "32", "network_alpha": "16", "shuffle_caption": "",
    "keep_tokens": "2", "max_token_length": "225", "multires_noise_iterations": "6", "multires_noise_discount": "0.3",
    "adaptive_noise_scale": "0.00357",
}  # fmt: skip

SD15_PERFECT = {
    "network_dim": "32", "network_alpha": "16", "network_module": "networks.lora", "resolution": "512,512",
    "train_batch_size": "4", "gradient_accumulation_steps": "1", "learning_rate": "0.0001", "unet_lr": "0.0001",
    "text_encoder_lr": "0.00005", "optimizer_type": "AdamW8bit", "lr_scheduler": "cosine_with_restarts",
    "lr_scheduler_num_cycles": "3", "min_snr_gamma": "5", "mixed_precision": "fp16", "save_precision": "fp16",
    "gradient_checkpointing": "", "cache_latents": "", "cache_latents_to_disk": "", "xformers": "",
    "noise_offset": "0.1", "multires_noise_iterations": "6", "multires_noise_discount": "0.3",
    "adaptive_noise_scale": "0.00357", "caption_extension": ".txt", "shuffle_caption": "", "keep_tokens": "2",
    "max_token_length": "225", "bucket_reso_steps": "64", "bucket_no_upscale": "", "max_data_loader_n_workers": "1",
    "max_train_epochs": "10", "save_every_n_epochs": "1", "seed": "42",
}  # fmt: skip
"""The table of parameters in the notes on `sd15_perfect`."""

OWNED = {
    "pretrained_model_name_or_path", "train_data_dir", "output_dir", "output_name", "save_state",
    "save_last_n_epochs_state", "logging_dir", "log_with", "tokenizer_cache_dir", "max_data_loader_n_workers",
    "cache_latents_to_disk", "bucket_reso_steps", "bucket_no_upscale",
}  # fmt: skip
"""Base, folders, name, state, logging, the loader's processes; files beside pictures and buckets, which are refused."""

NOT_IN_THE_PARSER = {"optimizer_type": "AdamW", "max_token_length": "75", "network_dim": "4", "save_precision": "float"}
"""Defaults that sd-scripts' code holds, not its parser."""


def of_history(name, **more):
    """The section `train` that says what a run of the past was given."""
    content = yaml.safe_load((ROOT / f"presets/history/{name}.yaml").read_text())
    given = {key: value for key, value in content["settings"]["given"].items() if key in Train.model_fields}
    needed = {
        "backend": "kohya", "output_name": name, "network_dim": 4, "conv_dim": None, "network_train_unet_only": False,
        "network_train_text_encoder_only": False, "v_parameterization": False, "clip_skip": None, "num_processes": 1,
        "train_batch_size": 1, "gradient_accumulation_steps": 1, "mixed_precision": "no", "save_precision": None,
        "max_token_length": 75, "seed": 0, "max_train_epochs": 1, "save_every_n_epochs": 1,
        "save_state_every_n_steps": 50, "max_train_steps": None, "save_every_n_steps": None, "zero_terminal_snr": False,
    }  # fmt: skip
    return Train(**{**needed, **given, **more}), content


def place(tmp_path, family="sdxl_base_v1-0", resolution=1024):
    return Place(
        base=tmp_path / "base", family=family, dataset=tmp_path / "dataset", resolution=resolution,
        regularisation=None, vae=None, network_weights=None, output=tmp_path / "output",
        tokenizers=tmp_path / "tokenizers", logs=tmp_path / "logs",
    )  # fmt: skip


def line(params, where):
    """Our command line: flag to value, "" for a switch."""
    listed = arguments(flags(params, where, DEFAULT_TAG))
    assert all(one.startswith("--") for one in listed), "a value stands behind its flag's ="
    return {name: value for name, _, value in (one.removeprefix("--").partition("=") for one in listed)}


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def compare(ours, noted):
    assert {name for name in noted if name not in ours} <= OWNED
    for name in noted.keys() & ours.keys() - OWNED:
        assert number(ours[name]) == number(noted[name]), name
    for name in ours.keys() - noted.keys() - OWNED:
        default = ARGUMENTS[name].default if name not in NOT_IN_THE_PARSER else NOT_IN_THE_PARSER[name]
        assert ARGUMENTS[name].kind != "switch", name
        assert number(ours[name]) == number(str(default)), name


@pytest.mark.parametrize(("name", "noted"), [("sdxl_current", SDXL_CURRENT), ("sdxl_fixed", SDXL_FIXED)])
def test_commands_of_two_runs_are_those_of_the_notes(tmp_path, name, noted):
    params, content = of_history(name)
    assert script(content["base"]["family"]) == "sdxl_train_network.py"
    compare(line(params, place(tmp_path)), noted)


def test_the_command_of_a_third_has_its_table(tmp_path):
    params, content = of_history("sd15_perfect", kohya_args={"max_data_loader_n_workers": 1})
    assert script(content["base"]["family"]) == "train_network.py"
    ours = line(params, place(tmp_path, "sd_v1", 512))
    compare(ours, SD15_PERFECT)
    assert ours["max_data_loader_n_workers"] == "1"


def test_the_notes_hold_these_commands():
    if not SHARED.is_dir():
        pytest.skip("the notes are not on this machine")
    for file, noted in (("004_145f118df1f31a9d", SDXL_CURRENT), ("002_63bebfdfbe0e7ec0", SDXL_FIXED)):
        text = (SHARED / f"seeds/{file}.txt").read_text()
        command = text[text.index("sdxl_train_network.py") :].split("```")[0].replace('"', "")
        parts = [part for part in command.split() if part.startswith("--")]
        assert {name: value for name, _, value in (one.removeprefix("--").partition("=") for one in parts)} == noted


def test_what_differs_from_flag_to_flag(tmp_path):
    params, _ = of_history(
        "sdxl_current", conv_dim=8, conv_alpha=4.0, unet_lr=0.0, lr_warmup_steps=5.0, optimizer_args=["weight_decay=0"],
        network_args=["algo=lokr"], network_module="lycoris.kohya", loss_type="huber", lr_scheduler="polynomial",
        rank_dropout=0.1, kohya_args={"flip_aug": False, "caption_prefix": None},
    )  # fmt: skip
    listed = arguments(flags(params, place(tmp_path, "sd_v2"), DEFAULT_TAG))
    at = listed.index("--network_args")
    assert listed[at + 1 : at + 5] == ["conv_dim=8", "conv_alpha=4.0", "rank_dropout=0.1", "algo=lokr"]
    assert {"--v2", "--unet_lr=0.0", "--lr_warmup_steps=5", "--loss_type=huber", "--lr_scheduler=polynomial"} <= {
        *listed
    }
    assert {"--network_module=lycoris.kohya"} <= {*listed}
    assert not any("flip_aug" in one or "caption_prefix" in one or "reg_data_dir" in one for one in listed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer_args": ["--output_dir=1"]}, "the key is no name"),
        ({"lr_scheduler_args": ["--output_dir=1"]}, "the key is no name"),
        ({"network_args": ["--output_dir=/"]}, "would be read as a flag"),
    ],
)
def test_values_that_would_be_flags_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        of_history("sdxl_current", **changes)
    with pytest.raises(SpriteLoraError, match="would be read as a flag"):
        arguments({"network_args": ["--output_dir=/"]})


def test_accelerate_takes_nothing_from_a_file_of_its_own():
    assert "--cpu" in launch(1, "no", cuda=False, cores=2)
    several = launch(2, "bf16", cuda=True, cores=8)
    assert {"--num_processes=2", "--multi_gpu", "--mixed_precision=bf16", "--num_cpu_threads_per_process=4"} <= {
        *several
    }
    assert "--cpu" not in several


def test_an_autoencoder_and_weights_to_start_from_are_those_of_paths(tmp_path):
    params, _ = of_history("sdxl_current")
    where = replace(place(tmp_path), vae=tmp_path / "v.safetensors", network_weights=tmp_path / "w.safetensors")
    ours = line(params, where)
    assert (ours["vae"], ours["network_weights"]) == (str(where.vae), str(where.network_weights))


def test_a_newer_releases_flag_is_left_out_of_an_older_one_unless_it_is_set(tmp_path):
    params, _ = of_history("sdxl_current", loss_type="huber")
    assert flags(params, place(tmp_path), "v0.10.1")["huber_scale"] == 1.0
    assert "huber_scale" not in flags(params, place(tmp_path), "v0.9.1")
    changed, _ = of_history("sdxl_current", loss_type="huber", huber_scale=2.0)
    with pytest.raises(SpriteLoraError, match=r"`huber_scale` came with v0\.10\.1"):
        check_flags(flags(changed, place(tmp_path), "v0.9.1"), "sdxl_base_v1-0", "v0.9.1")
