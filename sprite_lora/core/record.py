"""What made a result: exactly what its DVC stage depends on, and one fingerprint of all that.

The record is stamped into every checkpoint and picture, so that no folder name has to be believed.
"""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sprite_lora.core.files import canonical_json, sha256_text, sha256_tree

METADATA_KEY = "sprite_lora"
"""The key of our JSON in a checkpoint's safetensors metadata and in a picture's PNG text."""

NO_WEIGHTS = (".md", ".py", ".pyc")
"""Files beside a base model's weights that change nothing drawn; .dvcignore names the same."""

LIBRARIES = (
    "accelerate", "bitsandbytes", "diffusers", "lion-pytorch", "lycoris-lora", "numpy", "nvidia-cublas-cu12",
    "nvidia-cuda-runtime-cu12", "nvidia-cudnn-cu12", "pillow", "prodigyopt", "safetensors", "tokenizers", "torch",
    "transformers", "xformers",
)  # fmt: skip
"""CUDA's own are those that torch brings as packages."""


def base_hash(base: Path) -> str:
    """Hash of a base model: one file, or all files of a diffusers folder that its drawing depends on."""
    return sha256_tree(base, skip=NO_WEIGHTS)


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
