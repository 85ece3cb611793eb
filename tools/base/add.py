"""Write the folder of a base model: its small files, headers, and the list of its weights."""

import re
import tempfile
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_bytes, write_json
from sprite_lora.core.weight_list import HEADER, LIST, WeightList
from sprite_lora.lora.base_check import check_base
from tools.base.sources import Found

FOLDER = Path("models")

KNOWN = {
    "sd15": ("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"),
    "sdxl": ("stabilityai/stable-diffusion-xl-base-1.0", "462165984030d82259a11f4367a4eed129e94a7b"),
}
"""Name, as the presets have it, to repository and commit."""


def require_name(name: str) -> None:
    """Raise SpriteLoraError for a name that is none, or is taken."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise SpriteLoraError(f"{name!r}: a base model's name has up to 64 letters, digits, - and _")
    if (FOLDER / name).exists():
        raise SpriteLoraError(f"{FOLDER / name} is there already", "take another name, or move it away first")


def add_from(name: str, found: Found) -> Path:
    """Write the folder of that name, whole or not at all. Returns it.

    Raises SpriteLoraError where no LoRA can be trained on what was found, pydantic's ValidationError for no list.
    """
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=f".{name}.", suffix=".tmp") as temporary:
        folder = Path(temporary) / name
        listed = WeightList(source=found.source, files={file: each[0] for file, each in found.weights.items()})
        for file, content in found.small.items():
            write_bytes(folder / file, content)
        for file, (_, header) in found.weights.items():
            write_bytes(folder / (file + HEADER), header)
        write_json(folder / LIST, listed.model_dump(mode="json"))
        if findings := check_base(folder, LIST).findings:
            raise SpriteLoraError(findings[0].message.replace(temporary, str(FOLDER)), "nothing was written")
        return folder.rename(FOLDER / name)
