"""A picture with what made it: a PNG whose text holds our record and the line that web UIs read."""

import hashlib
import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sprite_lora.art.image_file import read_image, read_texts
from sprite_lora.bases.samplers import SAMPLERS
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import canonical_json, write_bytes
from sprite_lora.core.record import METADATA_KEY

PARAMETERS = "parameters"
"""The PNG text key that AUTOMATIC1111's web UI and its relatives write and read."""

SETTING = re.compile(
    r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)'
    r"|[\-/]|\s++(?!\w)|[\w \-/]++(?!:)"
)
"""One `Key: value` of the web UI's last line, as that UI itself matches it (infotext_utils.py `re_param`).

The second line passes over what can begin no key, or every letter of a long word would be tried as the first of one.
"""


@dataclass(frozen=True)
class WebUI:
    """What a web UI says of a picture; values stay text, as they were found."""

    prompt: str
    negative_prompt: str
    settings: dict[str, str] = field(default_factory=dict)
    """`Steps`, `Sampler`, `CFG scale`, `Seed`, `Size`, `Model hash`, ... in their order."""

    @property
    def lora_hashes(self) -> dict[str, str]:
        """LoRA name to the first 12 digits of its `sshs_model_hash`."""
        pairs = (pair.rpartition(":") for pair in self.settings.get("Lora hashes", "").split(","))
        return {name.strip(): digits.strip() for name, colon, digits in pairs if colon}


def web_ui_text(  # noqa: PLR0913  one per line of text
    *,
    prompt: str,
    negative_prompt: str,
    steps: int,
    scheduler: str,
    guidance_scale: float,
    seed: int,
    size: tuple[int, int],
    model: str,
    model_hash: str,
    clip_skip: int | None = None,
    loras: dict[str, str] | None = None,
) -> str:
    """The text of the `parameters` chunk, as AUTOMATIC1111's `create_infotext` writes it.

    `size` is (width, height) in pixels; `loras` maps a LoRA's name to its full `sshs_model_hash`.
    """
    settings: dict[str, object] = {
        "Steps": steps,
        "Sampler": SAMPLERS[scheduler].web_ui,
        "CFG scale": f"{guidance_scale:g}",
        "Seed": seed,
        "Size": f"{size[0]}x{size[1]}",
        "Model hash": model_hash[:10],
        "Model": model,
    }
    if clip_skip is not None and clip_skip > 1:
        settings["Clip skip"] = clip_skip
    if loras:
        settings["Lora hashes"] = ", ".join(f"{name}: {digits[:12]}" for name, digits in loras.items())
    lines = [prompt]
    if negative_prompt:
        lines.append(f"Negative prompt: {negative_prompt}")
    lines.append(", ".join(f"{key}: {_quoted(str(value))}" for key, value in settings.items()))
    return "\n".join(lines)


def parse_web_ui(text: str) -> WebUI:
    """Take a `parameters` text apart, as AUTOMATIC1111's `parse_generation_parameters` does.

    A last line with fewer than three settings belongs to the prompt.
    """
    *lines, last = text.strip().split("\n")
    found: list[tuple[str, str]] = [pair for pair in SETTING.findall(last) if pair[0]]
    if len(found) < 3:
        lines.append(last)
        found = []
    prompt: list[str] = []
    negative: list[str] = []
    here = prompt
    for line in (line.strip() for line in lines):
        if line.startswith("Negative prompt:"):
            here = negative
            line = line.removeprefix("Negative prompt:").strip()
        here.append(line)
    settings = {key: _unquoted(value) for key, value in found}
    return WebUI("\n".join(prompt), "\n".join(negative), settings)


def picture_bytes(image: Image.Image, record: dict[str, Any], web_ui: str) -> bytes:
    """A PNG file of `image`; the same bytes for the same pixels, record and text (one Pillow version).

    The record gets the key `pixels`, by which `require_own_pixels` tells whether they are still these.
    """
    text = PngInfo()
    text.add_text(PARAMETERS, web_ui)
    text.add_text(METADATA_KEY, canonical_json(record | {"pixels": pixels_hash(image)}))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=text, compress_level=6)
    return buffer.getvalue()


def pixels_hash(image: Image.Image) -> str:
    """SHA-256 of width, height and all pixels as RGBA, row by row; in hex."""
    size = f"{image.width}x{image.height} ".encode()
    return hashlib.sha256(size + image.convert("RGBA").tobytes()).hexdigest()


def require_own_pixels(path: Path) -> None:
    """Raise SpriteLoraError where a picture's pixels are not those of its record; one without a record passes."""
    record = read_record(path)
    if record is not None and record.get("pixels") != pixels_hash(read_image(path)):
        raise SpriteLoraError(
            f"{path} is damaged: its pixels are not those of its record",
            "what else is, and how to get it back: sprite-lora verify",
        )


def write_picture(path: Path, image: Image.Image, record: dict[str, Any], web_ui: str) -> None:
    """Write the PNG, whole or not at all."""
    write_bytes(path, picture_bytes(image, record, web_ui))


def read_record(path: Path) -> dict[str, Any] | None:
    """Our record of a picture; None where the picture carries none. Raises SpriteLoraError where it can't be read."""
    text = read_texts(path).get(METADATA_KEY)
    if text is None:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpriteLoraError(f"{path}: its `{METADATA_KEY}` text is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise SpriteLoraError(f"{path}: its `{METADATA_KEY}` text is {type(record).__name__}, not an object")
    return record


def read_web_ui(path: Path) -> WebUI | None:
    """What a web UI (or we) wrote into the `parameters` chunk; None where there is none."""
    text = read_texts(path).get(PARAMETERS)
    return None if text is None else parse_web_ui(text)


def _quoted(value: str) -> str:
    """As the web UI quotes a value that would break its own line."""
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ",\n:") else value


def _unquoted(value: str) -> str:
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value
    try:
        return str(json.loads(value))
    except (ValueError, RecursionError):
        return value
