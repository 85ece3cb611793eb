"""SHA256SUMS: what a folder's files hashed to when they were written. `sha256sum -c SHA256SUMS` reads it too."""

import re
from collections.abc import Mapping
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256, write_text

NAME = "SHA256SUMS"

LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def read_sums(folder: Path) -> dict[str, str]:
    """File, relative to the folder, to its SHA-256 in hex; empty where there is no list.

    Raises SpriteLoraError where the list cannot be read.
    """
    path = folder / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SpriteLoraError(f"{path} is damaged: {error}") from None
    found = [LINE.fullmatch(line) for line in lines]
    if not all(found):
        raise SpriteLoraError(f"{path} is damaged: line {found.index(None) + 1} is no SHA-256 with a file's name")
    return {match[2]: match[1] for match in found if match}


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Write the list, whole or not at all."""
    write_text(folder / NAME, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


def difference(folder: Path, name: str, sums: Mapping[str, str]) -> str | None:
    """Why the folder's file is not the one that was listed, in words; None where it is that one."""
    path = folder / name
    if name not in sums:
        return f"{path} is not listed in {folder / NAME}"
    try:
        return None if sha256(path) == sums[name] else f"{path} is damaged: its SHA-256 is not that of {folder / NAME}"
    except FileNotFoundError:
        return f"{path} is gone"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
