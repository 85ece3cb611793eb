"""What lies beside the sprites: base model, regularisation pictures, room on the disk for what the run will write."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sprite_lora.art.sprite import UNREADABLE
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.finding import Found
from sprite_lora.dataset.regularisation import read_regularisation
from sprite_lora.dataset.tokens import ClipTokenizer, load_tokenizer
from sprite_lora.lora.size import PICKLES, lora_targets

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


@dataclass(frozen=True)
class Need:
    """What the run will write, in bytes."""

    checkpoints: int
    pictures: int

    @property
    def total(self) -> int:
        """Checkpoints lie in the state folder, in the out and in DVC's cache; pictures in the out and in the cache."""
        return 3 * self.checkpoints + 2 * self.pictures


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
        return f"paths.base {base} is not here"
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


def check_regularisation(folder: Path, resolution: int, shown: str, found: list[Found]) -> None:
    """Regularisation pictures: in kohya's folders, readable, of the size that training has."""
    if not folder.is_dir():
        found.append(Found("regularisation", shown, f"paths.regularisation {folder} is not here"))
        return
    try:
        pictures = read_regularisation(folder)
    except SpriteLoraError as error:
        found.append(Found("regularisation", shown, str(error.args[0])))
        return
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


def check_disk(need: Need, folder: Path, found: list[Found]) -> None:
    """Free space where `folder` is or will be, against what the run will write."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if shutil.disk_usage(there).free < need.total:
        checkpoints, pictures = _gib(need.checkpoints), _gib(need.pictures)
        parts = f"checkpoints of {checkpoints} three times (state, outs, DVC's cache) and pictures of {pictures} twice"
        message = f"the run writes about {_gib(need.total)}: {parts}; the disk has less free"
        found.append(Found("disk", folder.as_posix(), message))


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
