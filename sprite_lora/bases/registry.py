"""The families of base models, and which of them a base model is of. No torch here."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from sprite_lora.bases.family import Family
from sprite_lora.bases.weights import is_listed, model_path, weight_header
from sprite_lora.core.errors import SpriteLoraError

REGISTRY: dict[str, str] = {
    "sd_v1": "sprite_lora.bases.families.sd1",
    "sd_v2": "sprite_lora.bases.families.sd2",
    "sdxl_base_v1-0": "sprite_lora.bases.families.sdxl",
}
"""kohya's `ss_base_model_version` to the module that holds the family's class and one object of it, `FAMILY`."""

UNKNOWN = "unknown"
"""Stands for the family where nothing shows it."""


@cache
def load_family(name: str) -> Family:
    """The family of that name."""
    family: Family = import_module(REGISTRY[name]).FAMILY
    assert family.name == name, f"{REGISTRY[name]} holds {family.name}"
    return family


def families() -> list[Family]:
    """All of them."""
    return [load_family(name) for name in REGISTRY]


def label(name: str) -> str:
    """What people call a family; `unknown` for a name that is none."""
    return load_family(name).label if name in REGISTRY else UNKNOWN


def labels() -> str:
    """`SD1.5, SD2 or SDXL`."""
    *others, last = (family.label for family in families())
    return f"{', '.join(others)} or {last}"


def ignored_settings(name: str | None) -> Mapping[str, str]:
    """kohya's flags that do nothing with a family, and why; none where the family is not known."""
    return load_family(name).ignored if name in REGISTRY else {}


def family_of_width(width: object) -> str:
    """Name of the family whose U-Net reads text of that width, in features; else `unknown`."""
    return next((family.name for family in families() if family.text_width == width), UNKNOWN)


def family_of(base: Path) -> Family:
    """The family of a base model, by its files' names and headers: a diffusers folder or one .safetensors file.

    Raises SpriteLoraError where it is of none.
    """
    base = model_path(base)
    if base.is_dir():
        return _family_of_folder(base)
    if base.is_file() or is_listed(base):
        return _family_of_file(base)
    raise SpriteLoraError(
        f"{base}: paths.base does not exist", "paths.base: a diffusers folder or one .safetensors file"
    )


def chosen_code(base: Path) -> list[str]:
    """The module of a base model's family, as `core.code.stage_code` takes it: other families' code does not count.

    None where there is no such base model: `validate` says why.
    """
    try:
        return [REGISTRY[family_of(base).name]]
    except SpriteLoraError:
        return []


def _family_of_folder(folder: Path) -> Family:
    """By the text encoders, then by the first one's width; another width, as small models have, is the first family."""
    encoders = {path.name for path in folder.glob("text_encoder*") if path.is_dir()}
    fitting = [family for family in families() if {encoder.folder for encoder in family.text_encoders} == encoders]
    if not fitting:
        found = ", ".join(f"{name}/" for name in sorted(encoders)) or "no text_encoder/"
        raise SpriteLoraError(
            f"{folder}: not a base model of {labels()}: it holds {found}",
            "paths.base must be a whole diffusers folder (model_index.json, tokenizer/, text_encoder/, unet/, vae/)",
        )
    width = _width(folder / fitting[0].text_encoders[0].folder / "config.json")
    return next((family for family in fitting if family.encoder_width == width), fitting[0])


def _width(config: Path) -> object:
    """Of a text encoder, in features; None where its config does not say."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("hidden_size") if isinstance(content, dict) else None


def _family_of_file(path: Path) -> Family:
    if path.suffix != ".safetensors":
        raise SpriteLoraError(
            f"{path}: not a .safetensors file (pickled weights can run any code)", "convert it to safetensors first"
        )
    names = weight_header(path).tensors
    for family in families():
        if family.file_mark in names:
            return family
    raise SpriteLoraError(
        f"{path}: not a base model of {labels()} in the original layout",
        "a LoRA or a single part (unet, vae) is no base model; a diffusers folder is taken whole",
    )
