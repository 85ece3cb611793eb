"""Say which stages an edit of the code concerns.

Compares the code as it is now with reports/code/<stage>.json, module by module. `--write` writes those files; the DVC
stage `code` runs `python -m tools.code --write`, and every other stage depends on its own file. As the first stage it
refuses inputs that are missing, or at places where none may lie.
"""

import json
from pathlib import Path

import click

from sprite_lora.bases.registry import chosen_code as chosen_family
from sprite_lora.core.code import ROOT, script_hash, stage_code
from sprite_lora.core.errors import SpriteLoraError, run
from sprite_lora.core.files import write_json
from sprite_lora.core.params import Paths, load
from sprite_lora.kohya.backends import chosen_code as chosen_backend
from sprite_lora.kohya.train_params import Train
from tools.command_line import STAGES

OF_THE_RUN = ("train", "sample")
"""Stages whose code is that of the run's plug-ins; the others run the code of all."""


@click.command(help=__doc__)
@click.option("--write", is_flag=True, help="Write reports/code/<stage>.json.")
def command(write: bool) -> None:
    if not (ROOT / "Snakefile").is_file():
        raise SpriteLoraError("this install holds no Snakefile", "in a clone of the project: uv run sprite-lora code")
    if write:
        require_inputs()
    chosen = present_choice()
    for stage in STAGES:
        code = code_of(stage, chosen)
        if write:
            write_json(Paths.code / f"{stage}.json", code)
        elif changed := differences(Paths.code / f"{stage}.json", code):
            print(f"{stage}: {', '.join(changed)}")


def require_inputs() -> None:
    """Raise SpriteLoraError for an input that is missing, or at a place where none may lie: DVC has no words for it."""
    inputs = load(Paths).model_dump(exclude={"caches"})
    absent = [f"paths.{name}: there is no {path}" for name, path in inputs.items() if not path.exists()]
    if absent:
        raise SpriteLoraError("; ".join(absent), "name what is there; README says how to get a base model")


def present_choice() -> list[str]:
    """The plug-ins of params.yaml's run; none where it can't be read: `validate` says why."""
    try:
        return [*chosen_backend(load(Train).backend), *chosen_family(load(Paths).base)]
    except SpriteLoraError:
        return []


def code_of(stage: str, chosen: list[str]) -> dict[str, str]:
    """Module or file to its hash, of plug-ins the `chosen` ones alone. The Snakefile is part of `sample`."""
    code = stage_code(stage, chosen if stage in OF_THE_RUN else None)
    return code | {"Snakefile": script_hash(ROOT / "Snakefile")} if stage == "sample" else code


def differences(written: Path, code: dict[str, str]) -> list[str]:
    """Modules and files that changed, came or went since `written`. Raises SpriteLoraError where it can't be read."""
    if not written.is_file():
        return ["it has not run yet"]
    try:
        before: dict[str, str] = json.loads(written.read_text(encoding="utf-8"))
    except ValueError:
        raise SpriteLoraError(f"{written} is not JSON", "run: dvc repro -f code") from None
    return sorted(name for name in before.keys() | code.keys() if before.get(name) != code.get(name))


if __name__ == "__main__":
    run(command)
