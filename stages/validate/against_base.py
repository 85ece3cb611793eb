"""Settings of the training against the base model that it is to run on."""

from collections.abc import Iterator

from sprite_lora.bases.family import Family
from sprite_lora.dataset.checks.finding import Finding
from sprite_lora.kohya.network_args import LYCORIS
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.base_configs import Configs
from stages.validate.settings import Settings

STOPS_LYCORIS = ("full", "full-lin", "unet-only")
"""Its presets with which LyCORIS 4.1.3 in sd-scripts names a module of SD1's and SD2's U-Net twice, and stops."""


def check_against_base(settings: Settings, train: Train, configs: Configs, family: Family) -> Iterator[Finding]:
    """What `train` would stop at."""
    for key, message in _problems(train, configs, family):
        yield settings.finding("bad-value", ("train", key), message)


def _problems(train: Train, configs: Configs, family: Family) -> Iterator[tuple[str, str]]:
    rates, encoders = train.text_encoder_lr, len(family.text_encoders)
    if isinstance(rates, tuple) and len(rates) != encoders:
        yield "text_encoder_lr", f"text_encoder_lr has {len(rates)} rates, the base model has {encoders} text encoders"
    layers = configs.text[0].num_hidden_layers
    if train.clip_skip and train.clip_skip > layers and "clip_skip" not in family.ignored:
        yield "clip_skip", f"clip_skip {train.clip_skip}: the base model's text encoder has {layers} layers"
    if configs.scheduler.prediction_type == "v_prediction" and not train.v_parameterization:
        yield "v_parameterization", "v_parameterization is false, but the base model predicts the velocity"
    first, timesteps = train.min_timestep or 0, configs.scheduler.num_train_timesteps
    if first >= timesteps or (train.max_timestep or 0) > timesteps:
        yield "max_timestep", f"min_timestep and max_timestep: the base model has timesteps 0 to {timesteps - 1}"
    if train.backend == "kohya" and train.network_module == LYCORIS and family.name in ("sd_v1", "sd_v2"):
        given = dict(argument.partition("=")[::2] for argument in train.network_args)
        if given.get("preset", "full") in STOPS_LYCORIS:
            stops = "LyCORIS in sd-scripts stops at this preset on SD1.5 and SD2; preset=attn-mlp works"
            yield "network_args", f"network_args: {stops}"
