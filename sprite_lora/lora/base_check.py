"""Whether a LoRA can be trained on a base model, from its files' names and headers: no weight is read."""

import json
from pathlib import Path
from typing import NamedTuple

from sprite_lora.bases.registry import family_of
from sprite_lora.bases.weights import PICKLES, is_listed, model_path, require_own_folders, weight_files, weight_header
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.weight_list import read_list
from sprite_lora.dataset.checks.finding import Finding
from sprite_lora.dataset.tokens import ClipTokenizer, load_tokenizer
from sprite_lora.lora.base_configs import Configs, read_configs
from sprite_lora.lora.size import lora_targets

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
"""Folders of a diffusers model."""


class CheckedBase(NamedTuple):
    """A base model's tokenizer, and what is wrong with the base."""

    tokenizer: ClipTokenizer | None
    """None where the base cannot be loaded."""
    findings: list[Finding]
    configs: Configs | None = None
    """None likewise."""


def check_base(base: Path, place: str) -> CheckedBase:
    """Check a diffusers folder or .safetensors file. `place`: what the finding names, `params.yaml:12` for instance."""
    try:
        listed = read_list(base)
        for name in listed.files if listed else ():
            weight_header(base / name)
        base = model_path(base)
        if problem := _problem(base):
            raise SpriteLoraError(problem)
        if base.is_dir():
            require_own_folders(base)
            weight_files(base / "vae")
        lora_targets(base)
        configs = read_configs(base, family_of(base))
        return CheckedBase(_tokenizer(base, configs), [], configs)
    except SpriteLoraError as error:
        return CheckedBase(None, [Finding("base", place, str(error.args[0]))])


def _tokenizer(base: Path, configs: Configs) -> ClipTokenizer:
    """The tokenizer, if each of its tokens is one that the text encoders know."""
    try:
        tokenizer = load_tokenizer(base)
        ids = tokenizer.vocabulary().values()
    except SpriteLoraError:
        raise
    except Exception as error:  # the package tokenizers knows no narrower one
        raise SpriteLoraError(f"{base / 'tokenizer'} cannot be read: {str(error)[:200]}") from None
    known = min(text.vocab_size for text in configs.text)
    if not ids or max(ids) >= known:
        raise SpriteLoraError(f"{base / 'tokenizer'}: {len(ids)} tokens, the text encoders know {known}")
    return tokenizer


def _problem(base: Path) -> str | None:
    if is_listed(base):
        return None
    if not base.exists():
        return f"paths.base {base} does not exist"
    if base.is_file():
        if base.suffix in PICKLES:
            return f"{base} is a pickle, which can run any code when loaded; convert it to .safetensors"
        return None if base.suffix == ".safetensors" else f"{base} is no .safetensors file"
    index = base / "model_index.json"
    if not index.is_file():
        return f"{base} is a folder without model_index.json, so no diffusers model"
    try:
        json.loads(index.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        return f"{index} is not JSON: {error}"
    missing = [part for part in PARTS if not (base / part).is_dir()]
    return f"{base} lacks {', '.join(f'{part}/' for part in missing)}" if missing else None
