"""runners.yaml: the machines that stages may run on. No stage reads it, and it is part of no hash.

A file of the user's own, outside the repository, wins where both name a runner.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import click
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import read

FILE = Path("runners.yaml")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def own_file() -> Path:
    """The user's file, where the platform keeps a program's settings: ~/.config/sprite-lora/runners.yaml on Linux."""
    return Path(click.get_app_dir("sprite-lora")) / FILE


class Runner(BaseModel):
    """What every kind of runner has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stages: tuple[Literal["train", "sample"], ...] = ("train", "sample")
    """What runs there; everything else runs here."""
    max_hours: PositiveFloat | None = None
    """A stage is stopped there after so long, and goes on from its state the next time."""
    price_per_hour: PositiveFloat | None = None
    """In any currency."""
    max_cost: PositiveFloat | None = None
    """As `max_hours`, by the price."""

    @model_validator(mode="after")
    def _cost_needs_a_price(self) -> "Runner":
        if self.max_cost and not self.price_per_hour:
            raise ValueError("max_cost needs price_per_hour")
        return self

    @property
    def seconds(self) -> int | None:
        """How long a stage may run; None: as long as it takes."""
        hours = [self.max_hours, self.max_cost / self.price_per_hour if self.max_cost and self.price_per_hour else None]
        limits = [limit for limit in hours if limit]
        return max(1, round(min(limits) * 3600)) if limits else None


class Reached(Runner):
    """What a machine that ssh reaches has."""

    folder: str = Field(default="sprite-lora", pattern=r"^[A-Za-z0-9_/][A-Za-z0-9_./-]*$")
    """Where the project lies there, from the home folder; on a pod, on the volume that stays."""
    setup: str = "uv sync --frozen --no-group dev --extra gpu"
    """What a shell there runs before each stage; quick where nothing changed."""
    env: dict[str, str] = {}
    """Environment there: HF_HOME, caches. Not for secrets."""
    pass_env: tuple[str, ...] = ()
    """Names of variables that travel from here, such as HF_TOKEN; they are written to no file."""
    sync_seconds: PositiveFloat = 60
    """How often results and the training state come home while a stage runs."""


class SshRunner(Reached):
    """Any machine with sshd, rsync and bash: a pod of RunPod or vast, a workstation, a virtual machine."""

    kind: Literal["ssh"]
    host: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@:\[\]-]*$")
    """As `ssh` takes it: an alias in ~/.ssh/config (port, user, key), or user@host."""
    idle_minutes: PositiveFloat = 15
    """So long after the last stage, `at_idle` runs there."""
    at_idle: str | None = None
    """A command that stops the machine: `runpodctl stop pod $RUNPOD_POD_ID`, `sudo poweroff`."""


class SkyRunner(Reached):
    """A machine that SkyPilot rents: RunPod, Lambda, AWS, GCP, Kubernetes."""

    kind: Literal["sky"]
    cluster: str = Field(default="sprite-lora", pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$")
    """SkyPilot's name for the machine."""
    task: str = Field(default="profiles/sky/task.yaml", pattern=r"^[^-]")
    """SkyPilot's task file: which machine, and what sets it up."""
    idle_minutes: PositiveInt = 15
    """So long after the last stage, the machine ends."""
    down: bool = True
    """It is given back with its disk; false: stopped, where the cloud can (RunPod cannot)."""
    version: str = Field(default="0.14.1", pattern=r"^[0-9][0-9a-z.]*$")
    """SkyPilot's release, where `sky` is not installed and uvx runs it."""
    extras: tuple[str, ...] = ("runpod",)
    """Its extras then: the clouds."""

    def as_ssh(self) -> SshRunner:
        """The machine by its alias in ~/.ssh/config, which SkyPilot writes."""
        shared = self.model_dump(include=set(Reached.model_fields))
        return SshRunner(kind="ssh", host=self.cluster, **shared)


class ContainerRunner(Runner):
    """A container of this machine."""

    kind: Literal["container"]
    engine: Literal["docker", "podman", "apptainer"] = "docker"
    image: str = Field(default="sprite-lora", pattern=r"^[^-]")
    """As the engine names it; of apptainer, a .sif file."""
    options: tuple[str, ...] = ()
    """Of the engine: --gpus=all (docker), --device=nvidia.com/gpu=all (podman), --nv (apptainer)."""
    mounts: tuple[str, ...] = ()
    """Further folders that the stages need, each at its own path."""
    env: dict[str, str] = {}
    """Environment inside. Not for secrets."""
    pass_env: tuple[str, ...] = ()
    """Names of variables that come in from here, such as HF_TOKEN; no command line shows their values."""


class SlurmRunner(Runner):
    """A Slurm cluster, from a login node, in a folder that all nodes share."""

    kind: Literal["slurm"]
    sbatch: tuple[str, ...] = ()
    """Options of sbatch for `train`: --partition=gpu, --gres=gpu:1, --account=mine."""
    profile: str = "profiles/slurm"
    """Snakemake's profile for `sample`."""


AnyRunner = SshRunner | SlurmRunner | SkyRunner | ContainerRunner

_ADAPTER: TypeAdapter[AnyRunner] = TypeAdapter(Annotated[AnyRunner, Field(discriminator="kind")])


def described() -> dict[str, tuple[Path, Any]]:
    """Name to the file that describes a runner and what it says there, unchecked; the user's own file wins."""
    found: dict[str, tuple[Path, Any]] = {}
    for file in (FILE, own_file()):
        if file.is_file():
            found |= {str(name): (file, content) for name, content in read(file)[0].items()}
    return found


def load_runner(name: str) -> AnyRunner:
    """One runner. Raises SpriteLoraError where it is not described, or not rightly."""
    known = described()
    if name not in known:
        listed = ", ".join(known) or "none"
        raise SpriteLoraError(f"no runner `{name}`; described are: {listed}", f"describe it in {own_file()} or {FILE}")
    if not NAME.fullmatch(name):
        raise SpriteLoraError(f"runner `{name}`: a name has letters, digits, - and _")
    file, content = known[name]
    try:
        return _ADAPTER.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *(str(part) for part in first["loc"][1:])])
        raise SpriteLoraError(f"{file}: `{where}`: {first['msg']}", "docs/runners.md lists the keys") from None
