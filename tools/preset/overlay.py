"""What a preset may decide, and what it leaves to the data: size of a sprite, trigger, names, prompts."""

from collections.abc import Iterator
from math import lcm
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode

from sprite_lora.bases.sample_params import Sample
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded
from sprite_lora.core.yaml_text import parse
from sprite_lora.dataset.checks.finding import quote
from sprite_lora.dataset.package_params import Package
from sprite_lora.kohya.sd_scripts import place
from sprite_lora.kohya.train_params import Train
from stages.validate.settings import LATENT
from tools.preset.edit import Overlay, Setting, compose, written

PRESETS = Path("presets")

LARGEST_FILE = 2**20
"""Bytes of a preset."""

DECIDES = {
    "paths": {"base"},
    "package": {"resolution", "num_repeats"},
    "train": Train.model_fields.keys() - {"output_name"},
    "sample": Sample.model_fields.keys() - {"prompts", "negative_prompt"},
}
"""Section to keys that a preset may hold. All others are about the data, or how results are judged."""

BUCKET_STEP = 64
"""Sides of training pictures are multiples of this: sd-scripts' bucket_reso_steps; 8 latents, halved three times."""

LARGEST = next(rule.le for rule in Package.model_fields["resolution"].metadata if hasattr(rule, "le"))


def presets() -> dict[str, Path]:
    """The project's presets, by name."""
    return {path.stem: path for path in sorted(PRESETS.glob("*.yaml"))}


def title(path: Path) -> str:
    """A preset's first line, which says what it is for."""
    return read_bounded(path, LARGEST_FILE).decode("utf-8", "replace").partition("\n")[0].removeprefix("#").strip()


def load_preset(path: Path) -> Overlay:
    """The settings of a preset's file. Raises SpriteLoraError where it holds anything that no preset decides."""
    try:
        text = read_bounded(path, LARGEST_FILE).decode()
        content, root = parse(text), compose(text)
    except (OSError, UnicodeDecodeError, YAMLError, ValueError, RecursionError) as error:
        raise SpriteLoraError(f"{path} cannot be read as YAML: {error}") from None
    if not isinstance(content, dict) or not isinstance(root, MappingNode):
        raise SpriteLoraError(f"{path} holds no sections", f"a preset is written as those in {PRESETS}/ are")
    wrong = list(_undecided(content))
    if wrong:
        raise SpriteLoraError(
            f"{path}: {wrong[0]}" + f", and {len(wrong) - 1} more keys like it" * (len(wrong) > 1),
            "a preset holds the base, training and sampling alone; all else is about your data and stays as it is",
        )
    return {section.value: dict(_settings(text, section.value, keys, content)) for section, keys in root.value}


def _undecided(content: dict[Any, Any]) -> Iterator[str]:
    for section, keys in content.items():
        if section not in DECIDES or not isinstance(keys, dict):
            yield f"section `{section}` is no preset's to decide"
        else:
            yield from (f"`{section}.{key}` is no preset's to decide" for key in keys if key not in DECIDES[section])


def _settings(text: str, section: str, keys: MappingNode, content: dict[str, Any]) -> Iterator[tuple[str, Setting]]:
    for name, value in keys.value:
        start, end = value.start_mark.index, value.end_mark.index
        behind = text[end:].split("\n", 1)[0].strip()
        comment = behind.removeprefix("#").strip() if behind.startswith("#") else ""
        held = content[section][name.value]
        one_line = text[start:end] if start < end and "\n" not in text[start:end] else written(held)
        yield name.value, Setting(held, one_line, comment)


def fitted(overlay: Overlay, content: dict[str, Any]) -> tuple[Overlay, list[str]]:
    """The overlay made to fit the data's own settings in a valid params.yaml, and what was fitted, in words.

    A resolution becomes the nearest one that keeps art pixels whole; keep_tokens the number of the trigger's tags.
    """
    said = []
    overlay = {section: dict(keys) for section, keys in overlay.items()}
    side, trigger = content["package"]["art_pixels"], content["validate"]["trigger"]
    wanted = overlay.get("package", {}).get("resolution")
    if wanted is not None and isinstance(wanted.value, int):
        size = nearest_resolution(wanted.value, side)
        if size is None:
            del overlay["package"]["resolution"]
            said.append(f"package.resolution stays: no size up to {LARGEST} keeps {side} art pixels whole")
        elif size != wanted.value:
            overlay["package"]["resolution"] = Setting(size, str(size), wanted.comment)
            said.append(
                f"package.resolution is {size}, the size nearest to {wanted.value} with whole art pixels: "
                f"a multiple of {side} x {LATENT} (latent grid) and of {BUCKET_STEP}"
            )
    kept = overlay.get("train", {}).get("keep_tokens")
    if kept is not None and kept.value != len(trigger):
        overlay["train"]["keep_tokens"] = Setting(len(trigger), str(len(trigger)), kept.comment)
        said.append(f"train.keep_tokens is {len(trigger)}, the tags of your trigger: {quote(', '.join(trigger))}")
    return overlay, said


def nearest_resolution(wanted: int, art_pixels: int) -> int | None:
    """The multiple of lcm(art_pixels * 8, 64) nearest to `wanted`, the smaller of two; None where all are too large."""
    step = lcm(art_pixels * LATENT, BUCKET_STEP)
    sizes = range(step, LARGEST + 1, step)
    return min(sizes, key=lambda size: (abs(size - wanted), size), default=None)


def missing_base(overlay: Overlay) -> str:
    """Where to put the base model, where the one that the overlay names is not there yet; empty if it is."""
    base = overlay.get("paths", {}).get("base")
    if base is None or Path(str(base.value)).exists():
        return ""
    return f"{base.value} does not exist yet: `sprite-lora base add`; docs/bases.md says more"


def missing_trainer(overlay: Overlay) -> str:
    """How to set up sd-scripts, where the overlay trains with it and it is not there yet; empty if it is."""
    backend = overlay.get("train", {}).get("backend")
    if backend is None or backend.value != "kohya" or place().is_dir():
        return ""
    return "sd-scripts is not set up on this machine yet: uv run sprite-lora kohya install"
