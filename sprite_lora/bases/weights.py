"""Which files of a diffusers folder are read: those that its hash counts, and of the weights safetensors alone.

Files may be links, as in a hub's cache: `record.base_hash` counts what they hold. A folder that is a link is refused,
since neither that hash nor DVC's looks into it. No torch here.
"""

import json
from pathlib import Path
from typing import Any

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import Header, read_header
from sprite_lora.core.weight_list import HEADER, listed_header, read_list

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")

INDEX = ".safetensors.index.json"
"""How the name of a list ends that says in which file each tensor of a part is."""

LIBRARIES = (None, "diffusers", "transformers", "stable_diffusion")
"""Whose classes a model_index.json may name; the last is a folder of diffusers, with the safety checker."""

ODD = {"auto_map", "configuration_files", "quantization_config", "_attn_implementation"}
"""Keys of a part's config with which it can name other code or other files."""

HINT = "paths.base must be a diffusers folder as save_pretrained writes it, or one .safetensors file"


def model_path(base: Path) -> Path:
    """The diffusers folder or the file that `paths.base` means; where a list stands for it, the file is not there."""
    listed = read_list(base)
    return base / listed.single if listed and listed.single else base


def weight_header(path: Path) -> Header:
    """The header of a base model's weight file, from a list where one stands for it. Raises SpriteLoraError."""
    header = None if path.exists() else listed_header(path)
    return header or read_header(path)


def is_listed(path: Path) -> bool:
    """Whether a list stands for a weight file. Raises SpriteLoraError where list and header do not fit."""
    return not path.exists() and listed_header(path) is not None


def weight_files(folder: Path) -> list[Path]:
    """One part's safetensors files, with their index where there is one; those that a list stands for are not there.

    Raises SpriteLoraError where there are none, and where an index names anything but safetensors files beside it.
    """
    weights = sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    weights = weights or sorted(
        path.with_name(path.name.removesuffix(HEADER)) for path in folder.glob(f"*.safetensors{HEADER}")
    )
    if not weights:
        pickles = sorted(path.name for path in folder.glob("*") if path.suffix in PICKLES)
        found = f"only pickled weights ({', '.join(pickles)}), which can run any code" if pickles else "no weights"
        raise SpriteLoraError(
            f"{folder}: {found}", "paths.base needs .safetensors: save the model with safe_serialization=True"
        )
    indices = sorted(folder.glob(f"*{INDEX}"))
    names = {path.name for path in weights}
    for path in indices:
        shards = read_object(path).get("weight_map")
        if not isinstance(shards, dict):
            raise SpriteLoraError(f"{path}: it has no weight_map", HINT)
        for shard in shards.values():
            if shard not in names:
                raise SpriteLoraError(f"{path} names {str(shard)[:80]!r}, no .safetensors file beside it", HINT)
    return [*weights, *indices]


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises SpriteLoraError where the file holds none."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SpriteLoraError(f"{path} cannot be read: {error.strerror}", HINT) from None
    except (ValueError, RecursionError) as error:
        raise SpriteLoraError(f"{path} is not JSON: {error}", HINT) from None
    if not isinstance(content, dict):
        raise SpriteLoraError(f"{path}: {type(content).__name__}, not an object", HINT)
    return content


def require_own_folders(base: Path) -> None:
    """Raise SpriteLoraError where a folder below a base model's is a link."""
    linked = next((path for path in sorted(base.rglob("*")) if path.is_symlink() and path.is_dir()), None)
    if linked:
        raise SpriteLoraError(
            f"{linked} is a link to a folder, and a base model's hash does not count what lies there",
            "copy the folder to this place; links to single files are taken",
        )


def require_plain(base: Path, parts: list[str]) -> None:
    """Raise SpriteLoraError where a folder would lead diffusers' own pipelines to pickles, other folders or other code.

    For sd-scripts, which loads the folder with them: our loader sees nothing but what `weight_files` names.
    """
    require_own_folders(base)
    for name, named in read_object(base / "model_index.json").items():
        if not name.startswith("_") and isinstance(named, list) and named[:1] not in [[each] for each in LIBRARIES]:
            raise SpriteLoraError(f"{base / 'model_index.json'}: {name} is of {str(named)[:80]}", HINT)
    for part in parts:
        require_plain_part(base / part, "model" if part.startswith("text_encoder") else "diffusion_pytorch_model")
    _require_no_adapter(base)


def require_plain_part(folder: Path, standard: str) -> None:
    """The same of one part. `standard`: how the name of its weights begins, without which pickles are looked for."""
    names = {path.name for path in weight_files(folder)}
    if not names & {f"{standard}.safetensors", f"{standard}{INDEX}"}:
        raise SpriteLoraError(f"{folder}: no {standard}.safetensors", HINT)
    if found := sorted(ODD & read_object(folder / "config.json").keys()):
        raise SpriteLoraError(f"{folder / 'config.json'}: {found[0]} can name other code or other files", "remove it")
    _require_no_adapter(folder)


def _require_no_adapter(folder: Path) -> None:
    path = folder / "adapter_config.json"
    if path.exists():
        raise SpriteLoraError(f"{path} would make transformers load another model", "remove it")
