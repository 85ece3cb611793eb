"""What a stage needs on another machine, what comes back from there, and a name for exactly this work."""

from dataclasses import dataclass
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import canonical_json, sha256_text

CODE = ("sprite_lora", "stages", "tools", "profiles")
"""Folders that every stage needs."""

FILES = ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "Snakefile", "dvc.yaml", "params.yaml")
"""And files: the environment is built from the first four."""


@dataclass(frozen=True)
class Task:
    """One run of one stage."""

    stage: str
    command: str
    deps: tuple[Path, ...]
    """Files and folders that it reads, from the project's folder."""
    outs: tuple[Path, ...]
    """Files and folders that it writes, from the project's folder."""
    identity: str
    """16 hex digits: equal for the same command, params and content of what it reads, as DVC sees them."""


def task_of(stage: str, command: str) -> Task:
    """What dvc.yaml says of a stage, and DVC of its inputs now.

    Raises SpriteLoraError where it reads or writes outside the project's folder, or an input is missing.
    """
    from dvc.repo import Repo
    from dvc.stage.serialize import to_single_stage_lockfile

    with Repo() as repo:
        found = repo.stage.load_one(name=stage)
        deps, outs = ([Path(one.def_path) for one in some] for some in (found.deps, found.outs))
        for path in [*deps, *outs]:
            if path.is_absolute() or ".." in path.parts:
                raise SpriteLoraError(
                    f"stage {stage}: {path} lies outside the project's folder and cannot travel to another machine",
                    "link it into the project: ln -s",
                )
        missing = [path for path in deps if not path.exists()]
        if missing:
            raise SpriteLoraError(f"stage {stage}: {missing[0]} does not exist", "dvc repro makes what stages write")
        found.save_deps()
        reads = {key: value for key, value in to_single_stage_lockfile(found).items() if key in ("deps", "params")}
    identity = sha256_text(canonical_json([stage, command, reads]))[:16]
    files = [path for path in deps if path != Path("params.yaml")]
    return Task(stage, command, tuple(dict.fromkeys(files)), tuple(outs), identity)


def require_unchanged(task: Task) -> None:
    """Raise SpriteLoraError where the inputs have changed here since the task was made."""
    if task_of(task.stage, task.command).identity != task.identity:
        raise SpriteLoraError(
            f"params, code or inputs of {task.stage} changed here while it ran on the other machine",
            "run again: its results there count for what they were made from",
        )
