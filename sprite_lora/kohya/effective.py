"""Training settings as they take effect: kohya's defaults filled in, settings that do nothing told from those that do.

Names and defaults are sd-scripts' own (library/train_util.py, train_network.py, library/custom_train_functions.py and
networks/lora.py `create_network`, at v0.10.1). A difference between two runs is one between effective values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

State = Literal["given", "default", "unknown"]


@dataclass(frozen=True)
class Value:
    """A setting's effective value in one run."""

    value: Any
    state: State
    active: bool | None = True
    """Whether the setting does anything in this run; None where that hangs on something unknown."""
    note: str = ""
    """For a default: what it stands for. For an unknown value: why, and what it may be."""
    idle: str = ""
    """Why the setting does nothing, or may do nothing, in this run."""


@dataclass(frozen=True)
class Setting:
    """What is known of one setting."""

    name: str
    group: str
    default: Any
    effect: str
    """What a difference does, in one line."""
    needs: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """It does something only if one of these settings has one of these values; `(ON,)` is any but off."""


ON = object()
OFF = (None, 0, 0.0, False, "", "none")
"""Values that sd-scripts reads as `not used` wherever a setting may be off."""

OFF_AT_ZERO = (
    "noise_offset", "adaptive_noise_scale", "multires_noise_iterations", "min_snr_gamma", "ip_noise_gamma",
    "scale_weight_norms", "network_dropout", "conv_dim",
)  # fmt: skip
"""Settings for which 0 and `not given` are one. A learning rate or a seed of 0 is a value."""

NOT_KOHYAS = ("art_pixels", "background")
"""Settings of this pipeline that sd-scripts does not have: off in its runs, not unknown."""

ARCHITECTURE = "architecture"
BATCH = "resolution and batch"
OPTIMISATION = "optimisation"
PRECISION = "precision"
NOISE = "noise and regularisation"
DATA = "captions and data"
SAMPLING = "prompts and sampling"
DURATION = "duration"
SOFTWARE = "software"
SPEED = "speed and memory"
"""Changes time and memory, and results by rounding alone; never counted as an effective change."""

GROUPS = (ARCHITECTURE, BATCH, OPTIMISATION, PRECISION, NOISE, DATA, SAMPLING, DURATION, SOFTWARE, SPEED)

_BUCKETS = (("enable_bucket", (True,)),)
_HUBER = (("loss_type", ("huber", "smooth_l1")),)
_SHUFFLED = (("shuffle_caption", (True,)), ("caption_tag_dropout_rate", (ON,)))

SETTINGS: dict[str, Setting] = {
    row[0]: Setting(*row)
    for row in (
        ("network_module", ARCHITECTURE, None, "another kind of adapter altogether"),
        ("network_dim", ARCHITECTURE, 4, "rank: how much the LoRA can hold; weights and file grow with it"),
        ("network_alpha", ARCHITECTURE, 1.0, "the LoRA counts alpha/dim times: that ratio is what learning rates meet"),
        ("conv_dim", ARCHITECTURE, None, "whether the U-Net's 3x3 convolutions are adapted too, and at which rank"),
        ("conv_alpha", ARCHITECTURE, 1.0, "as network_alpha, for the convolutions", (("conv_dim", (ON,)),)),
        ("network_train_unet_only", ARCHITECTURE, False, "text encoders stay as they are: words get no new meaning"),
        ("network_train_text_encoder_only", ARCHITECTURE, False, "the U-Net stays as it is: no new look is learned"),
        ("v_parameterization", ARCHITECTURE, False, "must match the base: noise or velocity is predicted"),
        ("clip_skip", ARCHITECTURE, None, "which layer of the text encoder is read; SDXL ignores it"),
        ("resolution", BATCH, None, "size of the training pictures: detail seen, and pixels per art pixel"),
        ("train_batch_size", BATCH, 1, "pictures per step: fewer give noisier and more steps per epoch"),
        ("gradient_accumulation_steps", BATCH, 1, "batches per update: multiplies the batch, divides the updates"),
        ("enable_bucket", BATCH, False, "pictures are sorted by shape instead of cropped to one"),
        ("bucket_no_upscale", BATCH, False, "pictures smaller than the resolution are not enlarged", _BUCKETS),
        ("bucket_reso_steps", BATCH, 64, "sides of buckets are multiples of this, the rest is cropped", _BUCKETS),
        ("min_bucket_reso", BATCH, 256, "smallest side of a bucket", _BUCKETS),
        ("max_bucket_reso", BATCH, 1024, "largest side of a bucket", _BUCKETS),
        ("resize_interpolation", BATCH, None, "how pictures are resized: pixel art stays crisp under nearest alone"),
        ("learning_rate", OPTIMISATION, 2e-6, "stands in for unet_lr and text_encoder_lr where they are not given"),
        ("unet_lr", OPTIMISATION, None, "how fast the U-Net's part learns"),
        ("text_encoder_lr", OPTIMISATION, None, "how fast the text encoders' part learns"),
        ("optimizer_type", OPTIMISATION, "AdamW", "the rule of each update; 8-bit variants round their state"),
        ("optimizer_args", OPTIMISATION, None, "the optimizer's own settings, such as weight decay"),
        ("lr_scheduler", OPTIMISATION, "constant", "how the learning rate moves during training"),
        ("lr_scheduler_num_cycles", OPTIMISATION, 1, "how often the learning rate starts again from its height",
         (("lr_scheduler", ("cosine_with_restarts",)),)),
        ("lr_scheduler_power", OPTIMISATION, 1, "shape of the decay", (("lr_scheduler", ("polynomial",)),)),
        ("lr_warmup_steps", OPTIMISATION, 0, "steps in which the learning rate rises from zero"),
        ("max_grad_norm", OPTIMISATION, 1.0, "longer gradients are shortened to this"),
        ("loss_type", OPTIMISATION, "l2", "how errors are weighed: l2 punishes large ones most"),
        ("huber_schedule", OPTIMISATION, "snr", "how the Huber threshold moves", _HUBER),
        ("huber_c", OPTIMISATION, 0.1, "the Huber threshold", _HUBER),
        ("num_processes", OPTIMISATION, 1, "GPUs: multiplies the batch, divides the steps"),
        ("mixed_precision", PRECISION, "no", "number format of the computation: fp16 and bf16 round differently"),
        ("save_precision", PRECISION, "float", "number format of the file; not given, kohya writes 32 bit"),
        ("full_fp16", PRECISION, False, "gradients in 16 bit too"),
        ("full_bf16", PRECISION, False, "gradients in 16 bit too"),
        ("fp8_base", PRECISION, False, "the base in 8 bit"),
        ("noise_offset", NOISE, None, "lets overall brightness be learned: dark and bright pictures, flat backgrounds"),
        ("adaptive_noise_scale", NOISE, None, "noise offset grows with brightness", (("noise_offset", (ON,)),)),
        ("noise_offset_random_strength", NOISE, False, "a random part of the noise offset", (("noise_offset", (ON,)),)),
        ("multires_noise_iterations", NOISE, None, "noise at several scales: large flat areas are learned too"),
        ("multires_noise_discount", NOISE, 0.3, "how fast the coarser noise fades",
         (("multires_noise_iterations", (ON,)),)),
        ("min_snr_gamma", NOISE, None, "caps the weight of nearly clean steps: steadier training"),
        ("debiased_estimation_loss", NOISE, False, "another weighing of the steps"),
        ("zero_terminal_snr", NOISE, False, "the last step is pure noise"),
        ("ip_noise_gamma", NOISE, None, "disturbs the noisy input"),
        ("scale_weight_norms", NOISE, None, "keeps the LoRA's weights from growing past this"),
        ("network_dropout", NOISE, None, "drops the LoRA's neurons at random in training"),
        ("prior_loss_weight", NOISE, 1.0, "weight of regularisation pictures", (("num_reg_images", (ON,)),)),
        ("num_reg_images", NOISE, 0, "regularisation pictures beside the trained ones"),
        ("caption_extension", DATA, ".caption", "which files are captions; none there: the folder's name is learned"),
        ("shuffle_caption", DATA, False, "tags in random order: no tag is learned by its place"),
        ("keep_tokens", DATA, 0, "tags at the front that are not shuffled: the trigger stays first", _SHUFFLED),
        ("caption_dropout_rate", DATA, 0.0, "share of steps that see no caption"),
        ("caption_tag_dropout_rate", DATA, 0.0, "share of tags left out"),
        ("max_token_length", DATA, 75, "captions are cut after this many tokens, silently"),
        ("weighted_captions", DATA, False, "brackets in captions weigh words"),
        ("num_repeats", DATA, None, "how often an epoch shows each picture: multiplies the steps"),
        ("num_train_images", DATA, None, "pictures trained on"),
        ("art_pixels", DATA, None, "side of the sprite's own grid"),
        ("background", DATA, None, "colour under transparent pixels"),
        ("flip_aug", DATA, False, "pictures are mirrored at random"),
        ("color_aug", DATA, False, "colours are varied at random: hex codes lose their meaning"),
        ("random_crop", DATA, False, "pictures are cut at random"),
        ("cache_latents", DATA, False, "each picture is encoded once: one random draw of its latent for all epochs"),
        ("max_data_loader_n_workers", DATA, 8, "kohya's order of pictures, and so each batch, hangs on it"),
        ("seed", DURATION, None, "every random draw; not given, a new one each run"),
        ("max_train_epochs", DURATION, None, "how often all pictures are shown"),
        ("max_train_steps", DURATION, 1600, "number of updates; max_train_epochs overrides it"),
        ("save_every_n_epochs", DURATION, None, "which epochs leave a file: what there is to choose from"),
        ("gradient_checkpointing", SPEED, False, "less memory, more time"),
        ("xformers", SPEED, False, "another attention kernel: differs by rounding"),
        ("sdpa", SPEED, False, "another attention kernel: differs by rounding"),
        ("cache_latents_to_disk", SPEED, False, "latents are kept as files; stale ones are reused"),
        ("vae_batch_size", SPEED, 1, "pictures encoded at once"),
        ("lowram", SPEED, False, "loads to the GPU directly"),
    )
}  # fmt: skip
"""Every setting that is compared, in the order in which it is shown."""


def resolve(
    given: Mapping[str, Any],
    *,
    unknown: Mapping[str, str] | None = None,
    unlisted: Literal["default", "unknown"] = "default",
    ignored: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Value]:
    """Effective value of every setting in SETTINGS.

    `given`: what was given, None for `as if not given`. `unknown`: settings whose value is not known, and why.
    `unlisted`: how to read a setting that is in neither: a command line that is whole leaves defaults, a table or a
    file's metadata leaves it unknown. `ignored`: settings that do nothing with the base's family, and why.
    """
    unknown = unknown or {}
    values: dict[str, Value] = {}
    for name, setting in SETTINGS.items():
        if name in unknown:
            values[name] = Value(None, "unknown", None, unknown[name])
        elif given.get(name) is not None:
            values[name] = Value(_normal(name, given[name]), "given")
        elif name in given or unlisted == "default" or name in NOT_KOHYAS:
            values[name] = Value(setting.default, "default")
        else:
            values[name] = Value(None, "unknown", None, "not recorded")
    _inherit(values)
    return {name: _activity(name, value, values, ignored) for name, value in values.items()}


def _normal(name: str, value: Any) -> Any:
    """One spelling per meaning: `512,512` and `(512, 512)`, `fp32` and `float`, 0 where 0 switches off."""
    if name == "resolution":
        sides = [side for side in str(value).strip("()[] ").replace("x", ",").split(",") if side.strip()]
        return "x".join(side.strip() for side in (sides * 2)[:2])
    if name == "optimizer_type":
        return str(value).split("(")[0].rsplit(".", 1)[-1]
    if name == "save_precision":
        return {"fp32": "float", "float32": "float"}.get(str(value), value)
    if name == "clip_skip" and value == 1:
        return None
    if value == [] or (name in OFF_AT_ZERO and value in OFF):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(SETTINGS[name].default, float):
        return float(value)
    return value


def _inherit(values: dict[str, Value]) -> None:
    """Settings whose default is another setting's value."""
    for rate in ("unet_lr", "text_encoder_lr"):
        if values[rate].state == "default":
            source = values["learning_rate"]
            values[rate] = Value(
                source.value, source.state, None if source.state == "unknown" else True, "learning_rate"
            )
    for name in ("network_alpha", "conv_alpha"):
        dim = values[name.replace("alpha", "dim")]
        if values[name].state == "given" and values[name].value == 0:
            values[name] = Value(dim.value, dim.state, True, "0 stands for the rank")
    if values["save_precision"].state == "default":
        for flag, precision in (("full_fp16", "fp16"), ("full_bf16", "bf16")):
            if values[flag].value:
                values["save_precision"] = Value(precision, "default", True, flag)


def _activity(name: str, value: Value, values: Mapping[str, Value], ignored: Mapping[str, str]) -> Value:
    """The value with whether it does anything in this run."""
    active: bool | None = True
    idle = ""
    if name == "learning_rate":
        active, idle = False, "takes effect through unet_lr and text_encoder_lr"
    elif name in ignored:
        active, idle = False, ignored[name]
    elif name == "text_encoder_lr" and values["network_train_unet_only"].value:
        active, idle = False, "no text encoder is trained"
    elif name == "max_train_steps" and values["max_train_epochs"].value is not None:
        active, idle = False, "max_train_epochs decides"
    elif needs := SETTINGS[name].needs:
        answers = [_holds(values[needed], allowed) for needed, allowed in needs]
        active = True if True in answers else None if None in answers else False
        if active is not True:
            reason = " or ".join(needed for needed, _ in needs)
            idle = f"does nothing without {reason}" + (", which is not known" if active is None else "")
    if value.state == "unknown" and active:
        active = None
    return replace(value, active=active, idle=idle)


def _holds(value: Value, allowed: tuple[Any, ...]) -> bool | None:
    if value.state == "unknown":
        return None
    return value.value not in OFF if ON in allowed else value.value in allowed
