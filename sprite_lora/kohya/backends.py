"""The trainers, by the names that `train.backend` takes. No torch here.

A backend is a module of the stage `train` with three functions. `check(params)` raises SpriteLoraError for settings
that this machine cannot do. `facts(params)` says what the run depends on beside its inputs, `versions` of libraries
among it: it goes into the record. `train(params, paths, manifest, record, state)` leaves the run's checkpoints in the
state folder, goes on from what a killed run left there, and does nothing where they are complete. `IN_EVERY_PROCESS`
tells whether `train` is to run once in each of `num_processes`.
"""

from importlib import import_module
from typing import Any

REGISTRY: dict[str, str] = {
    "native": "stages.train.native.training",
    "kohya": "stages.train.kohya.training",
}
"""`train.backend` to its module: a plug-in, whose code counts for the runs that choose it alone."""


def known(name: str) -> str:
    """The name itself. Raises ValueError where no backend is called so."""
    if name not in REGISTRY:
        raise ValueError(f"{name!r} is no backend: {' or '.join(REGISTRY)}")
    return name


def load_backend(name: str) -> Any:
    """The module of a backend."""
    return import_module(REGISTRY[name])


def chosen_code(name: str) -> list[str]:
    """The module of a backend, as `core.code.stage_code` takes it; none where there is no such backend."""
    return [module for known_name, module in REGISTRY.items() if known_name == name]
