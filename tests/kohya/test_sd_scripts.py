"""Which flags of sd-scripts `train.kohya_args` may hold, by name and value, and what the table of them says."""

import pytest
import yaml
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import load
from sprite_lora.kohya.sd_scripts import ARGUMENTS, COMMITS, DEFAULT_TAG, FILES, MODULES, REFUSED, place
from sprite_lora.kohya.train_params import FLAGS, Train
from stages.validate.settings import Settings

SECRET = "hf_0123456789"


@pytest.fixture
def file(tmp_path):
    def write(**changes):
        content = yaml.safe_load((ROOT / "params.yaml").read_text())
        content["train"] |= changes
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return tmp_path / "params.yaml"

    return write


def said(file, given, backend="kohya"):
    """What is wrong with these kohya_args; empty where nothing is."""
    try:
        load(Train, file(backend=backend, kohya_args=given))
    except SpriteLoraError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"token_warmup_step": 0.2, "flip_aug": True, "vae_batch_size": 4},
        {"zero_stage": 1, "max_data_loader_n_workers": 2},
        {"optimizer_type": "DAdaptAdam"},
        {"lr_scheduler": "inverse_sqrt", "lr_decay_steps": "10%"},
        {"base_weights": ["a.safetensors"], "base_weights_multiplier": [-0.5]},
        {"caption_prefix": None},
    ],
)
def test_flags_that_are_accepted(file, given):
    assert not said(file, given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"flip_agu": True}, "`flip_agu` is no flag of sd-scripts; did you mean `flip_aug`?"),
        ({"--flip_aug": True}, "did you mean `flip_aug`?"),
        ({"network_dim": 4}, "`network_dim` has a key of its own, train.network_dim"),
        ({"optimizer_type": "Lion"}, "`optimizer_type` has a key of its own"),
        ({"output_dir": "/"}, "results have fixed places"),
        ({"pretrained_model_name_or_path": "x"}, "is paths.base"),
        ({"resolution": "512"}, "package.resolution"),
        ({"enable_bucket": True}, "would resize and crop"),
        ({"cache_latents_to_disk": True}, "would write into outputs/dataset"),
        ({"config_file": "x.toml"}, "no second file of them"),
        ({"dataset_class": "os.system"}, "imports any code"),
        ({"resume": "x"}, "resumes by itself"),
        ({"save_state": True}, "resumes by itself"),
        ({"save_last_n_epochs": 1}, "would delete checkpoints"),
        ({"log_with": "wandb"}, "logs by itself"),
        ({"metadata_thumbnail": "/etc/passwd"}, "copies any file"),
        ({"lr_scheduler": "os"}, "it must be one of"),
        ({"optimizer_type": "evil.module.Optimizer"}, "it must be one of"),
        ({"lr_scheduler_type": "evil.module.Schedule"}, "it must be one of"),
        ({"base_weights": ["weights.ckpt"]}, "a .safetensors file"),
        ({"vae": "weights.ckpt"}, "is paths.vae"),
        ({"network_weights": "w.safetensors"}, "is paths.network_weights"),
        ({"flip_aug": "yes"}, "true or false"),
        ({"vae_batch_size": 1.5}, "a whole number"),
        ({"token_warmup_step": "much"}, "a number"),
        ({"token_warmup_step": True}, "a number"),
        ({"zero_stage": 4}, "one of 0, 1, 2, 3"),
        ({"zero_stage": [1]}, "takes one value"),
        ({"base_weights": ["/home/me/a.safetensors"]}, "`base_weights` is an absolute path"),
        ({"base_weights": ["s3://bucket/a.safetensors"]}, "`base_weights` is a network address"),
        ({"base_weights": ["--output_dir=/"]}, "a value, no flag"),
        ({"validation_split": 0.1}, "would take sprites out of the training"),
    ],
)
def test_flags_that_are_refused(file, given, message):
    assert message in said(file, given)


@pytest.mark.parametrize("name", ["wandb_api_key", "huggingface_token"])
def test_secrets_are_refused_and_shown_nowhere(file, name):
    message = said(file, {name: SECRET})
    assert f"`{name}` is refused: carries a secret" in message
    assert SECRET not in message
    content = yaml.safe_load(file(backend="kohya", kohya_args={name: SECRET}).read_text())
    assert SECRET not in str(Settings(content, {}).found)


def test_nothing_reaches_a_hub():
    assert {name for name in ARGUMENTS if "huggingface" in name or "wandb" in name} <= REFUSED.keys()


def test_native_refuses_what_kohya_alone_knows(file):
    message = said(file, {"flip_aug": True}, backend="native")
    assert "kohya_args is known to the backend kohya alone, and backend is native" in message
    assert not said(file, {}, backend="native")


def test_tables_name_flags_alone():
    """196 of them, counted by their parsers: benchmarks/kohya_flags.py."""
    assert len(ARGUMENTS) == 196
    assert REFUSED.keys() | MODULES.keys() | {*FILES} <= ARGUMENTS.keys()
    assert all(ARGUMENTS[name].choices == () for name in MODULES)


def test_rows_are_flags_with_the_parsers_defaults():
    """`network_dim`: its parser says None, `create_network` 4. `optimizer_type`: its parser says "", the code AdamW."""
    own = {"num_processes", "conv_dim", "conv_alpha", "rank_dropout", "module_dropout", "kohya_args"}
    own |= {"num_repeats", "num_train_images", "num_reg_images"}
    rows = {name: row for name, row in FLAGS.items() if "kohya" in row.backends and name not in own}
    assert rows.keys() <= ARGUMENTS.keys()
    differ = {name for name, row in rows.items() if (row.default or None) != (ARGUMENTS[name].default or None)}
    assert differ == {"network_dim", "optimizer_type", "max_token_length", "save_precision"}


def test_the_default_release_is_pinned_first():
    assert next(iter(COMMITS)) == DEFAULT_TAG
    assert all(len(commit) == 40 for commit in COMMITS.values())
    assert {argument.since for argument in ARGUMENTS.values()} == {"", DEFAULT_TAG}


def test_the_place_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SPRITE_LORA_SD_SCRIPTS", str(tmp_path))
    assert place() == tmp_path
    monkeypatch.delenv("SPRITE_LORA_SD_SCRIPTS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert place() == tmp_path / "sprite-lora" / "sd-scripts"
