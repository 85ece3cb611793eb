"""What made a result: exactly what its DVC stage depends on, and one fingerprint of all that.

The record is stamped into every checkpoint and picture, so that no folder name has to be believed.
"""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sprite_lora.core.files import canonical_json, sha256, sha256_set, sha256_text
from sprite_lora.core.weight_list import HEADER, LIST, read_list

METADATA_KEY = "sprite_lora"
"""The key of our JSON in a checkpoint's safetensors metadata and in a picture's PNG text."""

NO_WEIGHTS = (".md", ".py", ".pyc")
"""Ends of names beside a base model's weights that change nothing drawn; .dvcignore names the same."""

LEFTOVERS = (".incomplete", ".part", ".lock", ".aria2", ".crdownload")
"""Ends of names that a download leaves. Hidden files and folders are leftovers too; .dvcignore names the same."""

LIBRARIES = (
    "accelerate", "bitsandbytes", "diffusers", "lion-pytorch", "lycoris-lora", "numpy", "nvidia-cublas-cu12",
    "nvidia-cuda-runtime-cu12", "nvidia-cudnn-cu12", "pillow", "prodigyopt", "safetensors", "tokenizers", "torch",
    "transformers", "xformers",
)  # fmt: skip
"""CUDA's own are those that torch brings as packages."""


def base_hash(base: Path) -> str:
    """Hash of a base model: one file, or all files of a diffusers folder that its drawing depends on.

    Where a list stands for the weights, its SHA-256 are taken: the hash is that of the model with its weights.
    """
    listed = read_list(base)
    if base.is_file():
        return sha256(base)
    if listed and listed.single:
        return listed.files[listed.single].sha256
    return sha256_set(file_hashes(base))


def file_hashes(base: Path) -> dict[str, str]:
    """SHA-256 of each file of a base model's folder that counts, listed weights among them, by its path in there."""
    listed = read_list(base)
    hashes = {name: sha256(base / name) for name in own_files(base)}
    return hashes | {name: file.sha256 for name, file in listed.files.items()} if listed else hashes


def own_files(base: Path) -> list[str]:
    """The files that lie in a base model's folder and count, by their path in there, sorted."""
    skipped = (*NO_WEIGHTS, *LEFTOVERS)
    listed = read_list(base) is not None
    found = []
    for path in sorted(base.rglob("*")):
        name = path.relative_to(base)
        hidden = any(part.startswith(".") for part in name.parts)
        stands_in = listed and (name == Path(LIST) or path.name.endswith(HEADER))
        if not hidden and not stands_in and not path.name.endswith(skipped) and path.is_file():
            found.append(name.as_posix())
    return found


def versions() -> dict[str, str]:
    """Versions of the libraries that compute, as far as they are installed."""
    found = {}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def fingerprint(record: dict[str, Any]) -> str:
    """SHA-256 of a record, in hex; its own `fingerprint` key does not count."""
    return sha256_text(canonical_json({key: value for key, value in record.items() if key != "fingerprint"}))


def stamped(record: dict[str, Any]) -> dict[str, Any]:
    """The record with its fingerprint."""
    return {**record, "fingerprint": fingerprint(record)}
