"""What a base model's configs say, and whether its weights' shapes agree: no weight is read, no torch."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sprite_lora.bases.family import CONFIGS, Family
from sprite_lora.bases.text import EOS, WINDOW
from sprite_lora.bases.weights import model_path
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.size import weight_shapes

LONGEST = 1 << 20
"""Bytes of a config; those of public models have some thousand."""

Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Widths = Annotated[tuple[Positive, ...], Field(min_length=1)]


class Config(BaseModel):
    """One config, as far as loading and training hang on it; a key left out is the libraries' own default."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class TextConfig(Config):
    """transformers' CLIPTextConfig."""

    hidden_size: Positive = 512
    num_hidden_layers: Positive = 12
    num_attention_heads: Positive = 8
    vocab_size: Annotated[int, Field(gt=EOS)] = EOS + 1
    max_position_embeddings: Annotated[int, Field(ge=WINDOW + 2)] = WINDOW + 2


class UnetConfig(Config):
    """diffusers' UNet2DConditionModel."""

    kind: Literal["UNet2DConditionModel"] = Field("UNet2DConditionModel", alias="_class_name")
    in_channels: Positive = 4
    block_out_channels: Widths = (320, 640, 1280, 1280)
    cross_attention_dim: Positive | Widths = 1280


class VaeConfig(Config):
    """diffusers' AutoencoderKL."""

    kind: Literal["AutoencoderKL"] = Field("AutoencoderKL", alias="_class_name")
    latent_channels: Positive = 4
    block_out_channels: Widths = (64,)
    scaling_factor: Annotated[float, Field(gt=0)] = 0.18215


class SchedulerConfig(Config):
    """A scheduler of diffusers: the noise that the base was trained on."""

    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"] | None = None
    trained_betas: list[Annotated[float, Field(gt=0, lt=1)]] | None = None
    beta_start: Annotated[float, Field(gt=0, lt=1)] = 0.0001
    beta_end: Annotated[float, Field(gt=0, lt=1)] = 0.02
    num_train_timesteps: Annotated[int, Field(ge=2, le=100_000)] = 1000
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon"


class Configs(BaseModel):
    """Those of one base model."""

    text: list[TextConfig]
    """Of the text encoders, in the family's order."""
    unet: UnetConfig
    vae: VaeConfig
    scheduler: SchedulerConfig


C = TypeVar("C", bound=Config)


def read_configs(base: Path, family: Family) -> Configs:
    """The configs of a diffusers folder; of a single file those of its family's published architecture.

    Raises SpriteLoraError where one cannot be read or is none, and where a folder's weights have other shapes.
    """
    base = model_path(base)
    folder = base if base.is_dir() else CONFIGS / family.name
    found = Configs(
        text=[read_config(TextConfig, folder / encoder.folder / "config.json") for encoder in family.text_encoders],
        unet=read_config(UnetConfig, folder / "unet" / "config.json"),
        vae=read_config(VaeConfig, folder / "vae" / "config.json"),
        scheduler=read_config(SchedulerConfig, folder / "scheduler" / "scheduler_config.json"),
    )
    if found.scheduler.beta_schedule is None and found.scheduler.trained_betas is None:
        raise SpriteLoraError(f"{folder / 'scheduler'}: scheduler_config.json names no beta_schedule")
    for encoder, text in zip(family.text_encoders, found.text, strict=True):
        if text.hidden_size % text.num_attention_heads:
            wrong = f"hidden_size {text.hidden_size} is no multiple of num_attention_heads {text.num_attention_heads}"
            raise SpriteLoraError(f"{folder / encoder.folder}: {wrong}")
    if base.is_dir():
        _compare_shapes(base, family, found)
    return found


def read_config(kind: type[C], path: Path) -> C:
    """One config. Raises SpriteLoraError where it cannot be read or is none."""
    try:
        if not path.is_file():
            raise SpriteLoraError(f"{path} is missing")
        with path.open("rb") as file:
            return kind.model_validate(json.loads(file.read(LONGEST)))
    except OSError as error:
        raise SpriteLoraError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SpriteLoraError(f"{path}: {_first(error)}") from None


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        return f"{where}: {detail['msg']}" if where else str(detail["msg"])
    return str(error) or type(error).__name__


def _compare_shapes(base: Path, family: Family, found: Configs) -> None:
    """Raise SpriteLoraError where a part's weights cannot be what its config says, or parts do not fit together."""
    unet, vae = weight_shapes(base / "unet"), weight_shapes(base / "vae")
    expected: list[tuple[str, dict[str, list[int]], str, dict[int, int]]] = [
        ("unet", unet, "conv_in.weight", {0: found.unet.block_out_channels[0], 1: found.unet.in_channels}),
        ("vae", vae, "decoder.conv_in.weight", {1: found.vae.latent_channels}),
        ("vae", vae, "encoder.conv_in.weight", {0: found.vae.block_out_channels[0]}),
    ]
    for encoder, text in zip(family.text_encoders, found.text, strict=True):
        shapes = weight_shapes(base / encoder.folder)
        embedding = "text_model.embeddings.token_embedding.weight"
        expected.append((encoder.folder, shapes, embedding, {0: text.vocab_size, 1: text.hidden_size}))
        layers = {name.split(".layers.")[1].split(".")[0] for name in shapes if ".layers." in name}
        if len(layers) != text.num_hidden_layers:
            stated = f"its config says num_hidden_layers {text.num_hidden_layers}"
            raise SpriteLoraError(f"{base / encoder.folder}: weights of {len(layers)} layers, and {stated}")
    for part, shapes, name, sizes in expected:
        shape = shapes.get(name)
        if shape is None or any(len(shape) <= axis or shape[axis] != size for axis, size in sizes.items()):
            stated = " and ".join(f"size {size} on axis {axis}" for axis, size in sizes.items())
            is_there = f"has shape {shape}" if shape else "is missing"
            raise SpriteLoraError(f"{base / part}: {name} {is_there}; its config says {stated}")
    if found.unet.in_channels != found.vae.latent_channels:
        channels = f"{found.unet.in_channels} channels, the autoencoder gives {found.vae.latent_channels}"
        raise SpriteLoraError(f"{base}: the U-Net reads {channels}: no base that a LoRA can be trained on here")
    width = sum(text.hidden_size for text in found.text)
    read: Any = found.unet.cross_attention_dim
    if set(read if isinstance(read, tuple) else (read,)) != {width}:
        raise SpriteLoraError(f"{base}: the U-Net reads text of width {read}, the text encoders give {width}")
