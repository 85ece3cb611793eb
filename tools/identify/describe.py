"""What a file is: adapter, base model, folder of one, picture, or something that is never loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sprite_lora.art.image_file import read_chunks
from sprite_lora.bases.layout import describe_model
from sprite_lora.bases.registry import family_of_width, label
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import open_regular, read_bounded
from sprite_lora.core.header import read_header
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.lora.layout import read_modules
from sprite_lora.results.picture import PARAMETERS, parse_web_ui
from tools.identify.adapter import contradictions, describe_adapter, read_object
from tools.identify.hashes import compare, compute, read_alphas

LARGEST = 2**20
"""Bytes of a configuration beside a model."""

PNG = b"\x89PNG\r\n\x1a\n"


def describe(path: Path, *, tensors: bool = False, hashes: bool = False) -> dict[str, Any]:
    """Everything that the file or model folder says, as JSON values; never raises for what the file holds.

    `tensors` reads the alphas' bytes, `hashes` the whole file. What is wrong stands under `problems`.
    """
    try:
        found = _describe(path, tensors or hashes, hashes)
    except SpriteLoraError as error:
        found = {"kind": "unreadable", "problems": [_one_line(error, path)]}
    except OSError as error:
        found = {"kind": "unreadable", "problems": [f"cannot be read: {error.strerror or error}"]}
    return {"file": path.as_posix(), **found}


def _one_line(error: SpriteLoraError, path: Path) -> str:
    message = str(error.args[0]).removeprefix(f"{path}: ")
    return f"{message} ({error.hint})" if error.hint else message


def _describe(path: Path, tensors: bool, hashes: bool) -> dict[str, Any]:
    if path.is_dir():
        return _describe_folder(path, tensors, hashes)
    with open_regular(path) as file:
        start = file.read(8)
    if start == PNG:
        return _describe_picture(path)
    return _describe_tensors(path, tensors, hashes)


def _describe_tensors(path: Path, tensors: bool, hashes: bool) -> dict[str, Any]:
    header = read_header(path)
    modules, others = read_modules(header.tensors)
    computed = compute(path, header) if hashes else None
    table = compare(header, computed)
    if not modules:
        model = describe_model(header.tensors)
        base = {"family": model.family, "label": label(model.family), "basis": model.basis}
        found: dict[str, Any] = {"kind": model.kind, "base": base, "notes": list(model.notes)}
        found["parameters"] = sum(_count(tensor["shape"]) for tensor in header.tensors.values())
        found["precision"] = sorted({tensor["dtype"] for tensor in header.tensors.values()})
        problems = []
    else:
        alphas = read_alphas(path, header, modules) if tensors else None
        found = describe_adapter(header, modules, alphas, _adapter_config(path))
        problems = contradictions(path.stem, found, table)
        if others:
            found["other_tensors"] = {"count": len(others), "first": others[:5]}
    return {
        **found,
        "size": header.size,
        "tensors": len(header.tensors),
        "hashes": table,
        "metadata_keys": len(header.metadata),
        "problems": problems,
    }


def _count(shape: list[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _adapter_config(path: Path) -> Mapping[str, Any] | None:
    """PEFT's `adapter_config.json` beside an adapter."""
    file = path.with_name("adapter_config.json")
    if not file.is_file() or file.stat().st_size > LARGEST:
        return None
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _describe_folder(path: Path, tensors: bool, hashes: bool) -> dict[str, Any]:
    """A diffusers model folder, by its configuration; or a PEFT adapter's folder, by its one file."""
    adapter = path / "adapter_model.safetensors"
    if adapter.is_file():
        return _describe_tensors(adapter, tensors, hashes)
    index = path / "model_index.json"
    if not index.is_file():
        raise SpriteLoraError(f"{path}: is a folder and no model", "name its files; sprite-lora audit reads folders")
    classes = _read_object(index)
    unet = _read_object(path / "unet" / "config.json")
    width = unet.get("cross_attention_dim")
    family = family_of_width(width)
    parts = {
        name: value[1] for name, value in classes.items() if isinstance(value, list) and len(value) == 2 and value[1]
    }
    return {
        "kind": "base model",
        "layout": "diffusers folder",
        "base": {"family": family, "label": label(family), "basis": f"unet/config.json: cross_attention_dim {width}"},
        "pipeline": classes.get("_class_name"),
        "parts": parts,
        "prediction_type": _read_object(path / "scheduler" / "scheduler_config.json").get("prediction_type"),
        "sample_size": unet.get("sample_size"),
        "block_out_channels": unet.get("block_out_channels"),
        "size": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        "problems": [],
    }  # fmt: skip


def _read_object(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = json.loads(read_bounded(path, LARGEST))
    except (ValueError, RecursionError):
        raise SpriteLoraError(f"{path}: is not JSON") from None
    return content if isinstance(content, dict) else {}


def _describe_picture(path: Path) -> dict[str, Any]:
    png, texts = read_chunks(path)
    found: dict[str, Any] = {"kind": "picture", "width": png.width, "height": png.height, "mode": png.mode}
    record = read_object(texts[METADATA_KEY]) if METADATA_KEY in texts else None
    problems = [f"its `{METADATA_KEY}` text is no record"] if record and "unreadable" in record else []
    web_ui = parse_web_ui(texts[PARAMETERS]) if PARAMETERS in texts else None
    found["record"] = record
    found["web_ui"] = None if web_ui is None else {
        "prompt": web_ui.prompt,
        "negative_prompt": web_ui.negative_prompt,
        "settings": web_ui.settings,
        "lora_hashes": web_ui.lora_hashes,
    }  # fmt: skip
    found["other_texts"] = sorted(texts.keys() - {METADATA_KEY, PARAMETERS})
    if record is None and web_ui is None:
        found["notes"] = ["it carries no record of what drew it"]
    return {**found, "size": path.stat().st_size, "problems": problems}
