"""Which files of a diffusers model are its base model: one set of weights for each part, no pickles, no filters."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sprite_lora.bases.weights import PICKLES
from sprite_lora.core.record import LEFTOVERS, NO_WEIGHTS

INDEX = "model_index.json"

PARTS = {"unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"}
"""Folders of the families that are known."""

NEVER = "safety_checker"
"""A part that draws nothing; its weights have 1.2 GB."""

OTHER_WEIGHTS = (*PICKLES, ".safetensors", ".onnx", ".onnx_data", ".msgpack", ".h5", ".pb", ".xml")
"""Ends of the names of weights, in any form; .gitignore names the same."""

STANDARD = re.compile(r"(diffusion_pytorch_)?model(?P<shard>-\d{5}-of-\d{5})?\.safetensors")
HALF = re.compile(r"(diffusion_pytorch_)?model\.fp16(?P<shard>-\d{5}-of-\d{5})?\.safetensors")
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}")
LIST_OF_SHARDS = re.compile(r".*\.index(\.\w+)?\.json")


@dataclass(frozen=True)
class Choice:
    """Names from the model's folder, sorted."""

    small: list[str]
    weights: list[str]


def choose(names: Iterable[str], index: dict[str, Any]) -> Choice:
    """The files that are read, out of all. `index`: what the model's model_index.json holds."""
    named = {key for key, value in index.items() if isinstance(value, list) and all(value)}
    parts = {part for part in PARTS | named if re.fullmatch(r"[A-Za-z0-9]\w*", part, re.ASCII)} - {NEVER}
    small, weights = [INDEX], []
    for part in sorted(parts):
        inside = sorted(
            path.name for path in map(PurePosixPath, names) if len(path.parts) == 2 and path.parts[0] == part
        )
        chosen = _weights([name for name in inside if name.endswith(".safetensors")])
        lists = {re.sub(r"-\d{5}-of-\d{5}", "", name) + ".index.json" for name in chosen}
        weights += [f"{part}/{name}" for name in chosen]
        small += [
            f"{part}/{name}"
            for name in inside
            if not name.endswith((*OTHER_WEIGHTS, *NO_WEIGHTS, *LEFTOVERS)) and PLAIN.fullmatch(name)
            if name in lists or not LIST_OF_SHARDS.fullmatch(name)
        ]
    return Choice(sorted(small), sorted(weights))


def _weights(names: list[str]) -> list[str]:
    """One set: full precision before half, one file before several; all where none has a name that is known."""
    for pattern in (STANDARD, HALF):
        matches = [match for name in names if (match := pattern.fullmatch(name))]
        whole = [match[0] for match in matches if not match["shard"]]
        if matches:
            return whole or [match[0] for match in matches]
    return names
