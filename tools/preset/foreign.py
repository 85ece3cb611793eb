"""Configurations of other tools, read as the flags that sd-scripts gets of them."""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sprite_lora.core.errors import SpriteLoraError
from tools.preset.kohya_ss import is_kohya_ss, kohya_ss_flags, sampling

LARGEST = 256 * 1024
"""Bytes of a configuration: many times those that people have."""


@dataclass(frozen=True)
class Configuration:
    """What a file says, whatever wrote it."""

    flags: dict[str, Any]
    """sd-scripts' flag to its value, as in the file: not checked yet."""
    whole: bool
    """Whether a flag that is not given has kohya's default; False for a part of a command line or a dataset."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """Key of the section `sample` to what the file draws its own samples with."""
    left_out: tuple[str, ...] = ()
    """What can't be said in flags, a line each."""


def load_configuration(file: Path) -> Configuration:
    """A kohya_ss JSON configuration, an sd-scripts --config_file, or its --dataset_config (TOML or JSON).

    Raises SpriteLoraError for any other content.
    """
    content = _content(file)
    if isinstance(content.get("datasets"), list):
        flags, left_out = _dataset_flags(file, content)
        return Configuration(flags, False, left_out=tuple(left_out))
    if is_kohya_ss(content):
        flags, left_out = kohya_ss_flags(file, content)
        return Configuration(flags, True, sampling(content), tuple(left_out))
    flags = _flattened(content)
    return Configuration(flags, "network_module" in flags)


def _content(file: Path) -> dict[str, Any]:
    if not file.is_file():  # a device or a pipe might never end
        raise SpriteLoraError(f"{file} is no file")
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise SpriteLoraError(f"{file} has {size} bytes: no configuration is larger than {LARGEST}")
        text = file.read_text(encoding="utf-8")
        # One of the two, by its first character: no TOML file of settings begins with a brace.
        content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        str(content)  # raises ValueError for a whole number of over 4300 digits, RecursionError for deep nesting
    except OSError as error:
        raise SpriteLoraError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpriteLoraError(f"{file} is no text in UTF-8") from None
    except (ValueError, RecursionError) as error:  # messages of both parsers say where, and quote no values
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error).split("\n")[0]
        raise SpriteLoraError(f"{file} is neither JSON nor TOML: {reason}") from None
    if not isinstance(content, dict) or not content:
        raise SpriteLoraError(f"{file} holds no settings")
    return content


def _flattened(content: dict[str, Any]) -> dict[str, Any]:
    """As sd-scripts reads it: sections are there for the reader, what they hold is one list (library/train_util.py,
    `read_config_from_file`)."""
    flags: dict[str, Any] = {}
    for key, value in content.items():
        flags |= value if isinstance(value, dict) else {key: value}
    return flags


RENAMED = {"batch_size": "train_batch_size"}
"""Key of a dataset to its flag (docs/config_README-en.md)."""


def _dataset_flags(file: Path, content: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What all datasets and subsets of a --dataset_config agree on; regularisation pictures do not count."""
    general = content.get("general", {})
    levels = []
    for dataset in content["datasets"]:
        subsets = dataset.get("subsets", [{}]) if isinstance(dataset, dict) else None
        if (
            not isinstance(general, dict)
            or not isinstance(subsets, list)
            or not all(isinstance(s, dict) for s in subsets)
        ):
            raise SpriteLoraError(f"{file}: datasets are no list of tables")
        own = {key: value for key, value in dataset.items() if key != "subsets"}
        levels += [general | own | subset for subset in subsets if not subset.get("is_reg")]
    flags, left_out = {}, []
    for key in dict.fromkeys(key for level in levels for key in level):
        values = [level.get(key) for level in levels]
        if all(value == values[0] for value in values):
            flags[RENAMED.get(key, key)] = values[0]
        elif key not in ("image_dir", "class_tokens"):
            left_out.append(f"{key[:60]!r} differs between the datasets")
    return flags, left_out
