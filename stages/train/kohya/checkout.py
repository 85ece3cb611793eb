"""The local sd-scripts: where it lies, whether it is the one that is pinned, and what it computes with."""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.core import git
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.sd_scripts import COMMITS, place

LIBRARIES = (
    "accelerate", "bitsandbytes", "diffusers", "lion-pytorch", "lycoris-lora", "numpy", "opencv-python",
    "opencv-python-headless", "pillow", "prodigyopt", "safetensors", "schedulefree", "torch", "torchvision",
    "transformers", "xformers",
)  # fmt: skip
"""What sd-scripts computes with, as far as it is installed there."""

ASK = """
import importlib.metadata, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Checkout:
    """A checkout at a pinned commit."""

    folder: Path
    tag: str

    @property
    def python(self) -> Path:
        """Its environment's Python."""
        return self.folder / ".venv" / "bin" / "python"

    def versions(self) -> dict[str, str]:
        """What decides what it computes: its commit, a hash of what differs from it, Python, and its libraries."""
        command = [str(self.python), "-I", "-c", ASK, *LIBRARIES]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  a pinned checkout
        if asked.returncode:
            raise SpriteLoraError(f"{self.python} does not run: {asked.stderr.strip()[-500:]}", _install(self.tag))
        changed = changes(self.folder)
        return {
            "sd-scripts": f"{self.tag} {COMMITS[self.tag]}",
            **({"sd-scripts changes": changed} if changed else {}),
            **json.loads(asked.stdout),
        }


def find() -> Checkout:
    """The checkout that the environment names. Raises SpriteLoraError where none is there that may be run."""
    folder = place()
    if not (folder / "train_network.py").is_file():
        raise SpriteLoraError(f"train.backend kohya needs sd-scripts, and {folder} holds none", _install())
    commit = git.resolve(folder, "HEAD")
    if git.root(folder) != folder.resolve() or commit is None:
        raise SpriteLoraError(f"{folder} is no Git checkout, so nobody knows which sd-scripts it is", _install())
    tag = next((tag for tag, pinned in COMMITS.items() if pinned == commit), None)
    if tag is None:
        pinned = " or ".join(f"{tag} ({commit[:8]})" for tag, commit in COMMITS.items())
        raise SpriteLoraError(
            f"{folder} is at commit {commit[:8]}; the backend kohya was checked with {pinned} alone",
            f"git -C {folder} checkout {next(iter(COMMITS))}, or: {_install()}",
        )
    checkout = Checkout(folder, tag)
    if not os.access(checkout.python, os.X_OK):
        raise SpriteLoraError(f"{folder} has no environment of its own in .venv", _install(tag))
    return checkout


def changes(folder: Path) -> str:
    """SHA-256 over what differs from the commit: the diff, and files that Git does not know; empty where nothing does.

    The environment in .venv does not count: its libraries' versions do.
    """
    difference = git.difference(folder)
    if difference is None:
        raise SpriteLoraError(
            f"Git cannot say what differs from the commit in {folder}: it is no whole clone", _install()
        )
    others = [path for path in git.unknown(folder) if path.split("/")[0] != ".venv"]
    if not difference and not others:
        return ""
    digest = hashlib.sha256(difference)
    for path in others:
        file = folder / path
        content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
        digest.update(path.encode(errors="surrogateescape") + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _install(tag: str = "") -> str:
    return "uv run sprite-lora kohya install" + (f" --tag {tag}" if tag else "")
