"""Bring a params.yaml of an earlier form to today's.

FILE is params.yaml if not given. Comments and order stay.
"""

import re
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, write_text
from sprite_lora.core.logs_params import Logs
from sprite_lora.core.params import FILE, FORMER_PATHS, Paths, Section
from sprite_lora.core.yaml_text import LONGEST, parse
from sprite_lora.kohya.train_params import Train
from tools.preset.edit import Setting, edited, written

ADDED: dict[type[Section], dict[str, Any]] = {
    Paths: {"vae": "models/no_vae", "network_weights": "models/no_weights"},
    Train: {"max_train_steps": None, "save_every_n_steps": None, "zero_terminal_snr": False},
    Logs: {"sample_every_n_epochs": None, "sample_at_first": False},
}
"""Keys that came later and must be there, since dvc.yaml names them, with values that change nothing."""

FORMER = (
    *(("paths", key) for key in FORMER_PATHS),
    ("score", "background_softness"),
    ("score", "lost", "layout"),
    ("score", "lost", "background"),
)
"""Keys that are none any more: results have fixed places, and `structure` and `things` replaced two metrics."""


@click.command(help=__doc__)
@click.argument("file", metavar="[FILE]", default=FILE, type=click.Path(path_type=Path))
def command(file: Path) -> None:
    try:
        before = read_bounded(file, LONGEST).decode()
        parse(before)  # its bounds; what follows has none
        less, gone = without_former(before)
        after, added = with_added(less)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SpriteLoraError(f"{file} cannot be read as YAML: {error}") from None
    if not gone and not added:
        print(f"{file} has today's form already")
        return
    write_text(file, after)
    for folder in ADDED[Paths].values():
        (file.parent / folder).mkdir(parents=True, exist_ok=True)
    if gone:
        print(f"{file}: taken out, since they are no settings any more: {', '.join(gone)}")
    if added:
        print(f"{file}: added, with values that change nothing: {', '.join(added)}")


def without_former(text: str) -> tuple[str, list[str]]:
    """The text without keys that are none any more, and those keys."""
    content = YAML().load(text)
    places = {key: place for key in FORMER if (place := _line(content, key)) is not None}
    lines = text.splitlines(keepends=True)
    # Whole lines go, so that everything else, comments too, stays byte for byte.
    after = "".join(line for number, line in enumerate(lines) if number not in places.values())
    return after, [".".join(key) for key in places]


def _line(content: object, key: tuple[str, ...]) -> int | None:
    """The line of a key that stands on one of its own, None where it is not there."""
    *sections, last = key
    for section in sections:
        content = content.get(section) if isinstance(content, CommentedMap) else None
    if not isinstance(content, CommentedMap) or last not in content or content.fa.flow_style():
        return None
    line: int = content.lc.key(last)[0]
    return line


def with_added(text: str) -> tuple[str, list[str]]:
    """The text with the keys that came later, behind those of their section; and which they are.

    A text without `paths` and `train` is no params.yaml and stays.
    """
    content = parse(text)
    if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in ("paths", "train")):
        return text, []
    missing = {
        section: {key: value for key, value in keys.items() if key not in (content.get(section.key) or {})}
        for section, keys in ADDED.items()
    }
    overlay = {}
    for section, keys in missing.items():
        settings = {key: Setting(value, written(value), _comment(section, key)) for key, value in keys.items()}
        if isinstance(held := content.get(section.key), dict) and held:
            order = {key: Setting(value, written(value)) for key, value in held.items()}
            overlay[section.key] = order | settings
        else:
            lines = [f"  {key}: {one.text}  # {one.comment}" for key, one in settings.items()]
            newline = "\r\n" if "\r\n" in text else "\n"
            head = re.sub(rf"(?m)^{section.key}:\s*$", "", text)  # a section without a key
            text = newline.join([head.rstrip(), "", f"{section.key}:", *lines, ""])
    after, _ = edited(text, overlay)
    return after, [f"{section.key}.{key}" for section, keys in missing.items() for key in keys]


def _comment(section: type[Section], key: str) -> str:
    return section.model_fields[key].description or ""
