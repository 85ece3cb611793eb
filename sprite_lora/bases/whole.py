"""A base model with its weights, where a list stands for them in the project: from this machine's cache, verified.

The cache is that of huggingface_hub, which `HF_HOME` moves: what comes from a hub lies where every program looks for
it, anything else among its assets. No torch here.
"""

import os
from contextlib import suppress
from pathlib import Path

from sprite_lora.bases.fetch import cache, fetch, located
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, sha256, write_bytes
from sprite_lora.core.header import read_header
from sprite_lora.core.record import base_hash, file_hashes, own_files
from sprite_lora.core.weight_list import HEADER, LIST, listed_header, read_list

SMALL = 64 * 2**20
"""Bytes of a file that is no weights; the largest, a tokenizer, has 4 MB."""


def whole_base(base: Path) -> Path:
    """The folder or file that loaders read: `base` itself, or where a list stands for weights, a place with them.

    Weights that are not in this machine's cache are fetched. All bytes of all files are verified by their SHA-256, each
    time. The place is named as `base` is; it is the same for the same files, and any process may lay it out again.
    Raises SpriteLoraError where weights cannot be had, or are not those of the list and its headers.
    """
    listed = read_list(base)
    if listed is None:
        return base
    weights = {name: located(listed, name) or fetch(base, listed, name) for name in listed.files}
    place = cache("bases") / base_hash(base) / base.name
    _lay_out(place, base, weights)
    for name, expected in file_hashes(base).items():
        if sha256(place / name) != expected:
            raise SpriteLoraError(
                f"{(place / name).resolve()}: its bytes are not those of {name} that {base / LIST} names by SHA-256",
                f"it was not loaded. To fetch it again: sprite-lora base fetch {base.name}",
            )
    for name in listed.files:
        stated = listed_header(base / name)
        if stated is None or stated.tensors != read_header(place / name).tensors:
            raise SpriteLoraError(
                f"{base / name}{HEADER} is not the header of that file", "bring the folder back: git checkout"
            )
    return place / listed.single if listed.single else place


def _lay_out(place: Path, base: Path, weights: dict[str, Path]) -> None:
    """Make `place` hold the small files of `base` and links to the weights, and nothing else."""
    small = own_files(base)
    for name in small:
        content = read_bounded(base / name, SMALL)
        if not (place / name).is_file() or (place / name).is_symlink() or (place / name).read_bytes() != content:
            write_bytes(place / name, content)
    for name, file in weights.items():
        _link(place / name, file.absolute())
    for path in place.rglob("[!.]*"):  # hidden is what another process is writing
        if not path.is_dir() and path.relative_to(place).as_posix() not in {*small, *weights}:
            path.unlink(missing_ok=True)


def _link(path: Path, target: Path) -> None:
    """Make `path` a link to `target`, whatever it was."""
    with suppress(OSError):
        if path.readlink() == target:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
