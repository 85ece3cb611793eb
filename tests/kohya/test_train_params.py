import pytest
import yaml
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import load
from sprite_lora.dataset.package_params import Package
from sprite_lora.kohya.flags import BATCH, GROUPS, Flag, table
from sprite_lora.kohya.train_params import FLAGS, Train

OPTIONS = {
    "adaptive_noise_scale",
    "backend",
    "cache_latents",
    "caption_dropout_rate",
    "clip_skip",
    "conv_alpha",
    "conv_dim",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "keep_tokens",
    "learning_rate",
    "lr_scheduler",
    "lr_scheduler_num_cycles",
    "lr_warmup_steps",
    "max_grad_norm",
    "max_token_length",
    "max_train_epochs",
    "min_snr_gamma",
    "mixed_precision",
    "module_dropout",
    "multires_noise_discount",
    "multires_noise_iterations",
    "network_alpha",
    "network_args",
    "network_dim",
    "network_dropout",
    "network_module",
    "network_train_text_encoder_only",
    "network_train_unet_only",
    "noise_offset",
    "num_processes",
    "optimizer_args",
    "optimizer_type",
    "output_name",
    "prior_loss_weight",
    "rank_dropout",
    "save_every_n_epochs",
    "save_precision",
    "save_state_every_n_steps",
    "scale_weight_norms",
    "sdpa",
    "seed",
    "shuffle_caption",
    "text_encoder_lr",
    "train_batch_size",
    "unet_lr",
    "v_parameterization",
    "xformers",
}


@pytest.fixture
def file(tmp_path):
    def write(**changes):
        content = yaml.safe_load((ROOT / "params.yaml").read_text())
        content["train"] |= {"conv_dim": None, "conv_alpha": None} | changes
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return tmp_path / "params.yaml"

    return write


def test_surface_of_options_is_this():
    """A new or a lost knob is a decision: change the list with it."""
    assert set(Train.model_fields) == OPTIONS
    assert all(field.description for field in Train.model_fields.values())


@pytest.mark.parametrize("preset", ["params.yaml", "presets/sd15.yaml", "presets/sdxl.yaml"])
def test_files_of_the_project_are_valid(preset):
    load(Train, ROOT / preset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backend": "kohia"}, "'kohia' is no backend: native"),
        ({"network_train_unet_only": True, "network_train_text_encoder_only": True}, "leave nothing to train"),
        ({"unet_lr": 0, "text_encoder_lr": 0}, "every part's learning rate is 0"),
        ({"conv_alpha": 1.0}, "conv_alpha does nothing without conv_dim"),
        ({"xformers": True, "sdpa": True}, "keep one"),
        ({"adaptive_noise_scale": 0.1, "noise_offset": None}, "noise_offset, which is not set"),
        ({"lr_scheduler": "constant", "lr_warmup_steps": 5}, "lr_scheduler constant has no warm-up"),
        ({"optimizer_type": "Adafactor", "lr_scheduler": "cosine"}, "lr_scheduler must be adafactor"),
        ({"optimizer_type": "AdamW", "lr_scheduler": "adafactor"}, "lr_scheduler must be adafactor then, and only"),
        ({"mixed_precision": False}, "should be 'no', 'fp16' or 'bf16'"),
        ({"max_token_length": 77}, "should be 75, 150 or 225"),
        ({"output_name": "../x"}, "output_name"),
        ({"network_dropout": 1.0}, "less than 1"),
        ({"learning_rte": 1.0}, "did you mean `learning_rate`?"),
    ],
)
def test_wrong_settings_are_named(file, changes, message):
    with pytest.raises(SpriteLoraError) as caught:
        load(Train, file(**changes))
    assert message in str(caught.value)


def test_adafactor_with_given_rates_may_have_any_schedule(file):
    load(Train, file(optimizer_type="Adafactor", optimizer_args=["relative_step=False"], lr_scheduler="cosine"))


def test_flags_of_our_own():
    """All others are flags of sd-scripts."""
    own = {name for name, row in FLAGS.items() if "kohya" not in row.backends}
    assert own == {"backend", "save_state_every_n_steps", "art_pixels", "background"}


def test_a_key_may_be_left_out_and_is_kohyas_default(file):
    """So a params.yaml from before a flag was added still loads. Rows that say what None stands for have None."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    optional = {name for name, field in Train.model_fields.items() if not field.is_required()}
    params = Train(**{name: value for name, value in content.items() if name not in optional} | {"conv_dim": None})
    assert {"network_alpha", "noise_offset", "keep_tokens", "sdpa"} <= optional
    for name in optional - {"conv_alpha", "optimizer_args", "network_module", "network_args"}:
        assert getattr(params, name) == FLAGS[name].default, name
    assert (params.conv_alpha, params.optimizer_args, params.network_args) == (None, (), ())
    assert params.network_module == "networks.lora"


def test_every_row_says_what_a_difference_does():
    assert all(bool(row.effect) == bool(row.group) for row in FLAGS.values())
    assert {row.group for row in FLAGS.values() if row.group} <= set(GROUPS)


def test_rows_need_flags_that_exist():
    assert {needed for row in FLAGS.values() for needed, _ in row.needs} <= FLAGS.keys()


def test_what_package_holds_is_its_own():
    held = {name for name, row in FLAGS.items() if row.section == "package"}
    assert held == {"resolution", "num_repeats", "art_pixels", "background"}
    assert held <= Package.model_fields.keys()


def test_no_metadata_key_stands_for_two_flags():
    for key in ("metadata", "dataset", "subset"):
        keys = [getattr(row, key) for row in FLAGS.values() if getattr(row, key)]
        assert len(keys) == len(set(keys))


def test_rows_stand_where_they_say():
    first, second = Flag("first", BATCH, 1), Flag("second", BATCH, 2)
    others = [Flag("zeroth", BATCH, 0), Flag("between", BATCH, 0, after="first"), Flag("next", BATCH, 0)]
    assert list(table([first, second], others)) == ["zeroth", "first", "between", "next", "second"]
    with pytest.raises(AssertionError, match="two rows"):
        table([first, second], [Flag("second", BATCH, 0)])
