"""The trainers behind the stage; `train.backend` chooses one. No torch here.

A backend is a module with two functions. `check(params)` raises SpriteLoraError for settings that this machine cannot
do. `train(params, paths, manifest, record, state)` leaves the run's checkpoints in the state folder, goes on from what
a killed run left there, and does nothing where they are complete.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from sprite_lora.bases.registry import chosen_code as chosen_family

REGISTRY: dict[str, str] = {
    "native": "stages.train.training",
}
"""`train.backend` to its module: a plug-in, whose code counts for the runs that choose it alone."""


def load_backend(name: str) -> Any:
    """The module of a backend."""
    return import_module(REGISTRY[name])


def chosen_code(backend: str, base: Path) -> list[str]:
    """The plug-ins of a run, as `core.code.stage_code` takes them: its backend, and the family of its base model."""
    return [*chosen_family(base), *(module for name, module in REGISTRY.items() if name == backend)]
