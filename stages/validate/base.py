"""What lies beside the sprites: base model, regularisation pictures, room on the disk for what the run will write."""

import json
import shutil
from pathlib import Path

from PIL import Image

from sprite_lora.art.sprite import UNREADABLE
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.finding import Found
from sprite_lora.dataset.regularisation import Regular, read_regularisation
from sprite_lora.dataset.tokens import ClipTokenizer, load_tokenizer
from sprite_lora.lora.size import PICKLES, lora_targets
from sprite_lora.results.plan import Plan

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


def check_base(base: Path, shown: str, found: list[Found]) -> ClipTokenizer | None:
    """The base's tokenizer; None, with a finding, where the base is not one that can be loaded."""
    problem = _problem(base)
    if not problem:
        try:
            lora_targets(base)
            return load_tokenizer(base)
        except SpriteLoraError as error:
            problem = str(error.args[0])
    found.append(Found("base", shown, problem))
    return None


def _problem(base: Path) -> str | None:
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
    except ValueError as error:
        return f"{index} is not JSON: {error}"
    missing = [part for part in PARTS if not (base / part).is_dir()]
    return f"{base} lacks {', '.join(f'{part}/' for part in missing)}" if missing else None


def check_regularisation(folder: Path, resolution: int, shown: str, found: list[Found]) -> list[Regular] | None:
    """Regularisation pictures: in kohya's folders, readable, of the size that training has. None: no such folders."""
    if not folder.is_dir():
        found.append(Found("regularisation", shown, f"paths.regularisation {folder} does not exist"))
        return None
    try:
        pictures = read_regularisation(folder)
    except SpriteLoraError as error:
        found.append(Found("regularisation", shown, str(error.args[0])))
        return None
    for picture in pictures:
        try:
            with Image.open(picture.path) as image:
                size = image.size
        except (*UNREADABLE, Image.DecompressionBombError) as error:
            found.append(Found("regularisation", picture.path.as_posix(), f"cannot be read: {type(error).__name__}"))
            continue
        if size != (resolution, resolution):
            message = f"{size[0]}x{size[1]} pixels; training is at {resolution}x{resolution}"
            found.append(Found("regularisation", picture.path.as_posix(), message))
    return pictures


def check_disk(plan: Plan, folder: Path, found: list[Found]) -> None:
    """Free space where `folder` is or will be, against what the run will write."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if shutil.disk_usage(there).free < plan.disk_bytes:
        checkpoints, pictures = _gib(plan.checkpoints_bytes), _gib(plan.dataset_bytes)
        parts = f"checkpoints of {checkpoints} three times (state, outs, DVC's cache) and pictures of {pictures} twice"
        message = f"the run writes about {_gib(plan.disk_bytes)}: {parts}; the disk has less free"
        found.append(Found("disk", folder.as_posix(), message))


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
