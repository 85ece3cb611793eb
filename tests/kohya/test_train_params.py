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
    "cache_text_encoder_outputs",
    "caption_dropout_every_n_epochs",
    "caption_dropout_rate",
    "caption_tag_dropout_rate",
    "clip_skip",
    "conv_alpha",
    "conv_dim",
    "debiased_estimation_loss",
    "full_bf16",
    "full_fp16",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "huber_c",
    "huber_scale",
    "huber_schedule",
    "ip_noise_gamma",
    "ip_noise_gamma_random_strength",
    "keep_tokens",
    "kohya_args",
    "learning_rate",
    "loss_type",
    "lr_scheduler",
    "lr_scheduler_args",
    "lr_scheduler_min_lr_ratio",
    "lr_scheduler_num_cycles",
    "lr_scheduler_power",
    "lr_warmup_steps",
    "max_grad_norm",
    "max_timestep",
    "max_token_length",
    "max_train_epochs",
    "max_train_steps",
    "min_snr_gamma",
    "min_timestep",
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
    "noise_offset_random_strength",
    "num_processes",
    "optimizer_args",
    "optimizer_type",
    "output_name",
    "prior_loss_weight",
    "rank_dropout",
    "save_every_n_epochs",
    "save_every_n_steps",
    "save_precision",
    "save_state_every_n_steps",
    "scale_v_pred_loss_like_noise_pred",
    "scale_weight_norms",
    "sdpa",
    "seed",
    "shuffle_caption",
    "text_encoder_lr",
    "train_batch_size",
    "unet_lr",
    "v_parameterization",
    "xformers",
    "zero_terminal_snr",
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


def test_the_projects_own_section_is_valid():
    load(Train, ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backend": "kohia"}, "'kohia' is no backend: native"),
        ({"network_train_unet_only": True, "network_train_text_encoder_only": True}, "leave nothing to train"),
        ({"max_train_steps": 9}, "max_train_epochs or max_train_steps: give one, the other is null"),
        ({"max_train_epochs": None}, "max_train_epochs or max_train_steps: give one, the other is null"),
        ({"save_every_n_steps": 9}, "save_every_n_epochs or save_every_n_steps: give one"),
        (
            {"backend": "kohya", "text_encoder_lr": [1e-4, 2e-5]},
            "sd-scripts trains all text encoders at the first rate",
        ),
        ({"text_encoder_lr": ["a", 2e-4]}, "`train.text_encoder_lr` is"),
        ({"network_args": "algo=lokr"}, "should be a valid list"),
        ({"unet_lr": 0, "text_encoder_lr": 0}, "every part's learning rate is 0"),
        ({"conv_alpha": 1.0}, "conv_alpha does nothing without conv_dim"),
        ({"xformers": True, "sdpa": True}, "keep one"),
        ({"scale_v_pred_loss_like_noise_pred": True}, "it needs v_parameterization: true"),
        (
            {"lr_scheduler": "linear", "lr_scheduler_args": ["x=1"]},
            "x: the native trainer's lr_scheduler linear takes no",
        ),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["power=2"]}, "polynomial takes lr_end alone"),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_end"]}, "'lr_end' is not key=value"),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_end='x'"]}, "lr_end must be a number"),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_end=1.0"]}, "it must be lower"),
        ({"lr_scheduler": "cosine_with_min_lr"}, "needs lr_scheduler_min_lr_ratio"),
        (
            {
                "lr_scheduler": "cosine_with_min_lr",
                "lr_scheduler_min_lr_ratio": 0.1,
                "lr_scheduler_args": ["min_lr=1e-5"],
            },
            "needs lr_scheduler_min_lr_ratio, or min_lr",
        ),
        ({"unet_lr": 0, "text_encoder_lr": [0, 0.0]}, "every part's learning rate is 0"),
        ({"text_encoder_lr": [1e-4, -1e-4]}, "text_encoder_lr"),
        ({"min_timestep": 500, "max_timestep": 500}, "min_timestep must be below max_timestep"),
        ({"max_timestep": 0}, "max_timestep"),
        ({"loss_type": "l3"}, "should be 'l1', 'l2', 'huber' or 'smooth_l1'"),
        ({"huber_c": 0.0}, "greater than 0"),
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
    lists = {"optimizer_args", "lr_scheduler_args", "network_args"}
    for name in optional - {"conv_alpha", "network_module", *lists}:
        assert getattr(params, name) == FLAGS[name].default, name
    assert {getattr(params, name) for name in lists} == {()}
    assert (params.conv_alpha, params.network_module) == (None, "networks.lora")


@pytest.mark.parametrize(("written", "read"), [([], None), ([1e-4], 1e-4), ([1e-4, 2e-5], (1e-4, 2e-5)), (1e-4, 1e-4)])
def test_rates_of_text_encoders_are_one_number_or_a_list(file, written, read):
    assert load(Train, file(text_encoder_lr=written)).text_encoder_lr == read


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
