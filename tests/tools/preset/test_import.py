"""Configurations of kohya_ss and sd-scripts in params.yaml.

The JSON here is made up, with the GUI's own keys. What becomes of them is read from bmaltais/kohya_ss at 45088f0,
kohya_gui/lora_gui.py `train_model`.
"""

import json
import re

import pytest
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.yaml_text import parse
from sprite_lora.kohya.flags import NOT_COMPARED, flag, row_of
from sprite_lora.kohya.train_params import FLAGS, Train
from tools.preset import mapping, values
from tools.preset.foreign import Configuration, load_configuration
from tools.preset.mapping import mapped

GUI = {
    "LoRA_type": "Standard", "adaptive_noise_scale": 0.005, "additional_parameters": "", "bucket_no_upscale": True,
    "cache_latents": True, "caption_extension": ".txt", "clip_skip": "1", "conv_alpha": 4, "conv_dim": 4,
    "enable_bucket": True, "epoch": 12, "factor": -1, "gradient_accumulation_steps": 1.0,
    "gradient_checkpointing": True, "huggingface_token": "", "keep_tokens": "0", "learning_rate": 0.0003,
    "lr_scheduler": "cosine", "lr_scheduler_num_cycles": "", "lr_warmup": 10, "max_grad_norm": 0,
    "max_resolution": "512,512", "max_token_length": "150", "max_train_epochs": "", "max_train_steps": "",
    "min_snr_gamma": 5, "mixed_precision": "bf16", "model_list": "custom", "multires_noise_discount": 0.2,
    "multires_noise_iterations": 8, "network_alpha": 8, "network_dim": 16, "noise_offset": 0.05,
    "noise_offset_type": "Original", "optimizer": "AdamW8bit", "optimizer_args": '"weight_decay=0.1" betas=0.9,0.99',
    "output_name": "theirs", "pretrained_model_name_or_path": "runwayml/stable-diffusion-v1-5",
    "save_every_n_epochs": 2, "save_precision": "fp16", "scale_weight_norms": 0, "sdxl": False, "seed": "1234",
    "shuffle_caption": True, "text_encoder_lr": 5e-05, "train_batch_size": 3, "unet_lr": 0.0001, "xformers": "sdpa",
}  # fmt: skip


@pytest.fixture
def taken(tmp_path):
    """The values that a configuration gives to sections, and what has no place."""

    def of(content, form="json"):
        file = tmp_path / f"config.{form}"
        file.write_text(json.dumps(content) if form == "json" else content)
        overlay, left_out = mapped(load_configuration(file), parse((ROOT / "params.yaml").read_text()))
        return {section: {key: one.value for key, one in keys.items()} for section, keys in overlay.items()}, left_out

    return of


def reasons(left_out):
    return {re.split(" = |: ", line)[0]: line.partition(": ")[2] for line in left_out}


def test_a_configuration_of_the_gui(taken):
    found, left_out = taken(GUI)
    expected = {
        "network_dim": 16, "network_alpha": 8.0, "learning_rate": 3e-4, "unet_lr": 1e-4, "text_encoder_lr": 5e-5,
        "optimizer_type": "AdamW8bit", "optimizer_args": ["weight_decay=0.1", "betas=0.9,0.99"],
        "lr_scheduler": "cosine", "lr_scheduler_num_cycles": 12, "lr_warmup_steps": 0.1, "train_batch_size": 3,
        "max_train_epochs": 12, "save_every_n_epochs": 2, "mixed_precision": "bf16", "max_token_length": 150,
        "min_snr_gamma": 5.0, "noise_offset": 0.05, "adaptive_noise_scale": 0.005, "shuffle_caption": True,
        "clip_skip": 1, "seed": 1234, "sdpa": True, "xformers": False, "gradient_checkpointing": True,
        "network_train_unet_only": False,
    }  # fmt: skip
    assert {key: found["train"].get(key) for key in expected} == expected
    # Not given to sd-scripts, so its defaults: a rank for convolutions with LoRA_type Standard, a 0, the other noise.
    unset = ("conv_dim", "conv_alpha", "multires_noise_iterations", "scale_weight_norms")
    assert [found["train"][key] for key in unset] == [None] * 4
    assert (found["train"]["max_grad_norm"], found["train"]["keep_tokens"]) == (1.0, 0)
    assert found["package"] == {"resolution": 512}
    assert "output_name" not in found["train"]
    told = reasons(left_out)
    assert "would resize and crop" in told["enable_bucket"]
    assert told["output_name"] == "train.output_name is your own"
    assert told["pretrained_model_name_or_path"].startswith("paths.base decides it")
    assert "package.num_repeats stays 1" in " ".join(left_out)
    assert not {"factor", "model_list", "huggingface_token", "caption_extension"} & told.keys()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text_encoder_lr": 0}, {"network_train_unet_only": True, "text_encoder_lr": None}),
        ({"unet_lr": "0"}, {"network_train_text_encoder_only": True, "unet_lr": None}),
        ({"noise_offset_type": "Multires"}, {"multires_noise_iterations": 8, "noise_offset": None}),
        ({"max_train_epochs": "7"}, {"max_train_epochs": 7}),
        ({"lr_warmup_steps": 30}, {"lr_warmup_steps": 30}),
        ({"lr_warmup": "0"}, {"lr_warmup_steps": 0}),
        ({"LoRA_type": "Kohya LoCon"}, {"conv_dim": 4, "conv_alpha": 4.0}),
        ({"xformers": True}, {"xformers": True, "sdpa": False}),
        (
            {
                "optimizer": "prodigy",
                "optimizer_args": "",
                **dict.fromkeys(("learning_rate", "unet_lr", "text_encoder_lr"), 1),
            },
            {"optimizer_type": "Prodigy", "learning_rate": 1.0},
        ),
        (
            {"additional_parameters": "--network_train_unet_only --max_grad_norm=0.5 --optimizer_args eps=1 betas=0,0"},
            {"network_train_unet_only": True, "max_grad_norm": 0.5, "optimizer_args": ["eps=1", "betas=0,0"]},
        ),
        (
            {"optimizer": "Adafactor", "optimizer_args": "scale_parameter=True"},
            {"optimizer_type": "Adafactor", "lr_scheduler": "adafactor", "lr_warmup_steps": 0},
        ),
        (
            {"optimizer": "Adafactor", "optimizer_args": "relative_step=False"},
            {"optimizer_type": "Adafactor", "lr_scheduler": "cosine"},
        ),
    ],
)
def test_what_the_gui_gives_to_sd_scripts(taken, changes, expected):
    found, _ = taken(GUI | changes)
    assert {key: found["train"][key] for key in expected} == expected


def test_rates_of_an_optimizer_that_is_not_here_are_not_taken(taken):
    """A rate of 1 under AdamW would ruin the run."""
    found, left_out = taken(GUI | {"optimizer": "DAdaptAdam", "learning_rate": 1.0, "unet_lr": 1.0})
    assert not {"optimizer_type", "learning_rate", "unet_lr", "text_encoder_lr"} & found["train"].keys()
    assert "'Prodigy'" in reasons(left_out)["optimizer_type"]
    assert reasons(left_out)["unet_lr"] == "belongs to optimizer_type DAdaptAdam"


@pytest.mark.parametrize("optimizer", [{"a": 1}, "hf_abcdefghijklmnopqrstuvwxyz", "x\ny"])
def test_rates_of_an_optimizer_that_cannot_be_read_are_not_taken(taken, optimizer):
    found, left_out = taken(GUI | {"optimizer": optimizer})
    assert "learning_rate" not in found["train"]
    assert reasons(left_out)["learning_rate"] == "belongs to optimizer_type"


def test_a_network_of_lycoris_comes_whole_or_not_at_all(taken):
    content = GUI | {"LoRA_type": "LyCORIS/LoKr", "network_dim": 100000, "factor": 6, "decompose_both": True}
    found, left_out = taken(content)
    if "network_module" in Train.model_fields:
        assert (found["train"]["network_module"], found["train"]["network_dim"]) == ("lycoris.kohya", 100000)
        assert {"algo=lokr", "factor=6", "decompose_both=True"} <= set(found["train"]["network_args"])
    else:
        assert not {"network_dim", "network_alpha"} & found["train"].keys()
        assert reasons(left_out)["network_dim"] == "belongs to network_module lycoris.kohya"


def test_a_kind_of_network_that_is_not_trained_here(taken):
    found, left_out = taken(GUI | {"LoRA_type": "LyCORIS/iA3", "train_on_input": True, "conv_dim": 0, "conv_alpha": 0})
    assert not {"network_dim", "network_alpha", "conv_dim"} & found["train"].keys()
    assert found["train"]["train_batch_size"] == 3
    assert reasons(left_out)["network_dim"] == "belongs to network_module lycoris.kohya"


def test_steps_and_guidance_of_the_guis_samples(taken):
    prompts = "a hero --n bad --w 512 --d 1 --l 6.5 --s 20\na villain --l 6.5 --s 25"
    content = GUI | {"sample_prompts": prompts, "sample_sampler": "euler_a", "sample_every_n_epochs": 1}
    found, left_out = taken(content)
    assert found["sample"] == {"scheduler": "euler_a", "guidance_scale": 6.5}
    assert "stage sample draws" in reasons(left_out)["sample_prompts"]
    assert "sample" not in taken(content | {"sample_every_n_epochs": 0})[0]
    assert "no such sampler" in reasons(taken(content | {"sample_sampler": "pndm"})[1])["sample_sampler"]


TOML = """
[basics]
network_module = "networks.lora"
network_args = ["conv_dim=8", "conv_alpha=4", "block_dims=2,2"]
network_dim = 24
train_batch_size = 2
resolution = "768"
text_encoder_lr = [1e-5, 2e-5]
unet_lr = 1e-4
[more]
lr_scheduler = "constant_with_warmup"
lr_warmup_steps = 100
optimizer_type = "lion"
max_train_epochs = 4
max_token_length = 225
xformers = true
wandb_api_key = "0123456789012345678901234567890123456789"
train_data_dir = "/somewhere"
"""


def test_a_config_file_of_sd_scripts(taken):
    """Sections are one list, as in sd-scripts; of several encoders' rates networks.lora takes the first."""
    found, left_out = taken(TOML, "toml")
    expected = {
        "network_dim": 24, "conv_dim": 8, "conv_alpha": 4.0, "train_batch_size": 2, "unet_lr": 1e-4,
        "lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 100, "optimizer_type": "Lion",
        "max_train_epochs": 4, "max_token_length": 225, "xformers": True, "sdpa": False,
        # not given: kohya's defaults
        "network_alpha": 1.0, "learning_rate": 2e-6, "noise_offset": None, "shuffle_caption": False,
        "mixed_precision": "no", "save_precision": "float", "cache_latents": False,
    }  # fmt: skip
    assert {key: found["train"][key] for key in expected} == expected
    assert found["train"]["text_encoder_lr"] in (1e-5, [1e-5, 2e-5])
    assert not {"seed", "save_every_n_epochs", "output_name", "backend", "num_processes"} & found["train"].keys()
    assert found["package"] == {"resolution": 768}
    assert "0123456789" not in str(left_out)
    assert any(line.startswith("wandb_api_key: looks like a secret") for line in left_out)


def test_a_part_of_a_command_line_leaves_the_rest_alone(taken):
    found, _ = taken('optimizer_type = "AdamW8bit"\nlearning_rate = 5e-5\n', "toml")
    assert found == {"train": {"optimizer_type": "AdamW8bit", "learning_rate": 5e-5}}


DATASET = """
[general]
shuffle_caption = true
keep_tokens = 1
[[datasets]]
resolution = 512
batch_size = 4
[[datasets.subsets]]
image_dir = "a"
num_repeats = 3
[[datasets.subsets]]
image_dir = "b"
num_repeats = 3
flip_aug = true
[[datasets.subsets]]
image_dir = "c"
is_reg = true
num_repeats = 9
"""


def test_a_dataset_config(taken):
    found, left_out = taken(DATASET, "toml")
    assert found == {
        "package": {"resolution": 512, "num_repeats": 3},
        "train": {"shuffle_caption": True, "keep_tokens": 1, "train_batch_size": 4},
    }
    assert left_out == ["'flip_aug' differs between the datasets"]


def test_free_flags_go_to_sd_scripts_where_it_is_the_backend(monkeypatch):
    """`kohya_args` stands in for the field of that name while `Train` has none."""

    class WithKohyaArgs(Train):
        kohya_args: dict = flag({}, NOT_COMPARED, backends=("kohya",), comment="x")

    if "kohya_args" not in Train.model_fields:
        for module in (mapping, values):
            monkeypatch.setattr(module, "Train", WithKohyaArgs)
        monkeypatch.setitem(FLAGS, "kohya_args", row_of("kohya_args", WithKohyaArgs.model_fields["kohya_args"]))
        monkeypatch.setattr("sprite_lora.kohya.backends.REGISTRY", {"kohya": "x", "native": "y"})
    content = parse((ROOT / "params.yaml").read_text())
    content["train"]["backend"] = "kohya"
    flags = {"no_half_vae": True, "output_dir": "/x", "enable_bucket": True, "huggingface_token": "hf_x"}
    overlay, left_out = mapped(Configuration(flags, False), content)
    assert overlay["train"]["kohya_args"].value == {"no_half_vae": True}
    assert [line.split(" ")[0] for line in left_out] == ["huggingface_token:", "output_dir", "enable_bucket"]
    content["train"]["kohya_args"] = {"vae_batch_size": 2}
    overlay, _ = mapped(Configuration({"no_half_vae": True}, False), content)
    assert overlay["train"]["kohya_args"].value == {"vae_batch_size": 2, "no_half_vae": True}
    overlay, _ = mapped(Configuration({"network_module": "networks.lora"}, True), content)
    assert overlay["train"]["kohya_args"].value == {}
    content["train"] |= {"backend": "native", "kohya_args": {}}
    overlay, left_out = mapped(Configuration({"no_half_vae": True}, False), content)
    assert (overlay, reasons(left_out)["no_half_vae"]) == ({}, "the native trainer's autoencoder is always float32")


def test_the_command_adjusts_and_says_so(preset, project):
    (project / "theirs.json").write_text(json.dumps(GUI))
    said = preset("import", "theirs.json")
    assert "package.resolution is 576, the size nearest to 512" in said
    assert "train.keep_tokens is 2, the tags of your trigger" in said
    assert "no place here: enable_bucket = True: would resize" in said
    params = parse((project / "params.yaml").read_text())
    assert (params["package"]["resolution"], params["train"]["network_dim"], params["train"]["keep_tokens"]) == (
        576,
        16,
        2,
    )
    assert params["train"]["output_name"] == "punk"
    assert "has all of theirs.json already: nothing changes" in preset("import", "theirs.json")


@pytest.mark.parametrize(
    ("changes", "said", "taken"),
    [
        (
            {"lr_scheduler": "constant", "lr_warmup": 10},
            "lr_warmup_steps = 0.1: lr_scheduler constant has no warm-up",
            {"lr_scheduler": "constant", "lr_warmup_steps": 0},
        ),
        (
            {"full_fp16": True, "mixed_precision": "fp16", "optimizer": "AdamW"},
            "full_fp16",
            {"full_fp16": False, "optimizer_type": "AdamW"},
        ),
    ],
    ids=["warm-up", "full_fp16"],
)
def test_keys_that_do_not_fit_together_cost_one_of_them_and_not_the_import(preset, project, changes, said, taken):
    (project / "theirs.json").write_text(json.dumps(GUI | changes))
    printed = preset("import", "theirs.json")
    assert f"no place here: {said}" in printed
    train = parse((project / "params.yaml").read_text())["train"]
    assert {name: train[name] for name in taken} == taken
    assert train["network_dim"] == 16


def test_of_several_rates_of_text_encoders_the_first_is_taken(preset, project):
    """As sd-scripts trains them."""
    (project / "theirs.toml").write_text("text_encoder_lr = [1e-4, 5e-5]\n")
    assert "text_encoder_lr" in preset("import", "theirs.toml")
    assert parse((project / "params.yaml").read_text())["train"]["text_encoder_lr"] == 1e-4


SECRET = "hf_abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "changes",
    [
        {"huggingface_token": SECRET},
        {"wandb_api_key": SECRET},
        {"additional_parameters": f"--huggingface_token {SECRET}"},
        {"additional_parameters": f"--huggingface_token={SECRET} 'unclosed"},
        {"training_comment": f"token {SECRET}"},
        {"log_tracker_config": f"https://me:{SECRET}@example.org"},
        {"some_password": SECRET},
        {"some_section": {"huggingface_token": "short"}, "huggingface_token": SECRET},
        {"optimizer_args": f"weight_decay={SECRET}"},
        {"LoRA_type": "Standard", "network_weights": f"https://me:{SECRET}@example.org/x.safetensors"},
    ],
)
def test_secrets_are_neither_copied_nor_shown(preset, project, changes):
    (project / "theirs.json").write_text(json.dumps(GUI | changes))
    said = preset("import", "theirs.json")
    assert SECRET not in said
    assert "short" not in said
    assert SECRET not in (project / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no settings"),
        ("{}", "holds no settings"),
        ("[1]", "holds no setting that has a place"),
        ('{"a": ', "is neither JSON nor TOML"),
        ('{"LoRA_type": "Standard", "seed": 1' + "0" * 5000 + "}", "is neither JSON nor TOML: Exceeds the limit"),
        ("seed = 0x1" + "0" * 5000, "is neither JSON nor TOML: Exceeds the limit"),
        ("a = = 1", "is neither JSON nor TOML"),
        ('{"a": ' * 100000, "is larger than"),
        ('{"a": ' * 20000, "nested too deep"),
        ("a = " + "[" * 20000, "is neither JSON nor TOML"),
        ('{"LoRA_type": "Flux1"}', "kohya_ss LoRA_type 'Flux1'"),
        ('{"LoRA_type": ["Standard"]}', "kohya_ss LoRA_type"),
        ('{"LoRA_type": "Standard", "flux1_checkbox": true}', "LoRA_type 'Standard'"),
        ('{"optimizer": "AdamW", "max_resolution": "512,512"}', "no training of a LoRA"),
        ('{"datasets": [1]}', "no list of tables"),
        ("nothing = 1", "holds no setting that has a place"),
    ],
)
def test_files_that_are_no_such_configuration(preset, project, content, message):
    (project / "theirs").write_text(content)
    with pytest.raises(SpriteLoraError) as told:
        preset("import", "theirs")
    assert message in str(told.value)
    assert (project / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.parametrize("content", [b"\xff\xfe{", b"\0" * 50])
def test_files_that_are_no_text(preset, project, content):
    (project / "theirs").write_bytes(content)
    with pytest.raises(SpriteLoraError, match=r"no text in UTF-8|neither JSON nor TOML"):
        preset("import", "theirs")


@pytest.mark.parametrize("place", [".", "nowhere.json", "/dev/zero"])
def test_what_is_no_file(preset, place):
    with pytest.raises(SpriteLoraError, match="is no file"):
        preset("import", place)
