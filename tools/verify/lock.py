"""dvc.lock, dvc.yaml and the cache's layout, as DVC 3 writes them: which files there must be, with which hashes."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sprite_lora.core.errors import SpriteLoraError

LIST = ".dir"
"""How the hash of a folder ends: that of a list of its files."""


@dataclass(frozen=True)
class Out:
    """One output of a stage, as it was after the stage's last run."""

    stage: str
    path: Path
    md5: str
    cached: bool
    """Whether DVC keeps a copy; what it does not keep lies in Git."""


@dataclass(frozen=True)
class Cache:
    """DVC's copies, each named by its MD5."""

    folder: Path

    def place(self, md5: str) -> Path:
        """Where the copy lies."""
        return self.folder / md5[:2] / md5[2:]

    def objects(self) -> Iterator[Path]:
        """All copies."""
        return (path for path in sorted(self.folder.glob("??/*")) if path.is_file())

    def is_whole(self, path: Path) -> bool:
        """Whether a copy is what its name says."""
        return file_md5(path) == (path.parent.name + path.name).removesuffix(LIST)

    def listed(self, md5: str) -> dict[str, str] | None:
        """File, relative to the folder, to its MD5, by the folder's list; None where that is gone or damaged."""
        path = self.place(md5)
        if not path.is_file() or not self.is_whole(path):
            return None
        return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}


def read_outs() -> list[Out]:
    """Every output in dvc.lock, stage by stage as dvc.yaml has them. Raises SpriteLoraError where it cannot be read."""
    stages, locked = _stages("dvc.yaml"), _stages("dvc.lock")
    outs = []
    for stage in [stage for stage in stages if stage in locked]:
        uncached = set(_uncached(stages[stage]))
        try:
            outs += [
                Out(stage, Path(out["path"]), out["md5"], out["path"] not in uncached)
                for out in locked[stage].get("outs", [])
            ]
        except (AttributeError, KeyError, TypeError) as error:
            raise SpriteLoraError(f"dvc.lock: stage {stage} has an output without {error}", RESTORE_LOCK) from None
    return outs


def read_cache() -> Cache:
    """The cache that DVC uses here. Raises SpriteLoraError where this is no project of DVC."""
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ModuleNotFoundError:
        raise SpriteLoraError(
            "verify needs dvc, which is not installed", "pip install 'sprite-lora[pipeline]'"
        ) from None
    try:
        with Repo() as repo:
            return Cache(Path(repo.cache.local.path))
    except DvcException as error:
        raise SpriteLoraError(f"DVC cannot open the project here: {error}") from None


RESTORE_LOCK = "get it back: git checkout -- dvc.lock"


def _stages(name: str) -> dict[str, Any]:
    try:
        stages = yaml.safe_load(Path(name).read_bytes())["stages"]
        return dict(stages)
    except FileNotFoundError:
        raise SpriteLoraError(
            f"{name} does not exist", "go to the project's folder; dvc repro writes dvc.lock"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = str(error).split("\n")[0]
        raise SpriteLoraError(f"{name} is damaged: {reason}", f"get it back: git checkout -- {name}") from None


def _uncached(stage: dict[str, Any]) -> Iterator[str]:
    """Outputs that dvc.yaml marks with `cache: false`."""
    for kind in ("outs", "metrics", "plots"):
        for out in stage.get(kind, []):
            if isinstance(out, dict):
                yield from (path for path, options in out.items() if options and options.get("cache") is False)


def file_md5(path: Path) -> str:
    """MD5 of a file's bytes, in hex; DVC's hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def list_md5(files: dict[str, str]) -> str:
    """The hash of a folder with these files, as DVC's list of them hashes."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return bytes_md5(json.dumps(entries, sort_keys=True).encode()) + LIST


def bytes_md5(content: bytes) -> str:
    """MD5 of bytes, in hex."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
