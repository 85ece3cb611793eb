"""What the run will do, before it starts: steps, checkpoints, bytes, and hours at a stated speed."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.finding import Finding
from sprite_lora.dataset.package_params import Package
from sprite_lora.kohya.network_args import LYCORIS, lycoris_args
from sprite_lora.kohya.steps import regularisation_uses, steps_per_epoch
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import epoch_of, run_steps, saved_checkpoints
from sprite_lora.lora.size import Target, lora_bytes, lora_parameters
from sprite_lora.results.plan import Plan

COPIES_OF_CHECKPOINTS = 3
"""In the state folder, in the out, in DVC's cache."""

MOST_CHECKPOINTS = 10_000
"""More than any run is compared by."""

COPIES_OF_DATASET = 2
"""In the out and in DVC's cache."""


def make_plan(
    pictures: int, package: Package, train: Train, targets: list[Target], regularisation: Sequence[int] = ()
) -> Plan:
    """The plan for so many sprites. Raises SpriteLoraError where it leaves too many checkpoints.

    `targets`: the base model's modules that a LoRA adapts; `regularisation`: the repeats of each regularisation
    picture.
    """
    uses = pictures * package.num_repeats
    regular = sum(regularisation_uses(uses, regularisation))
    per_epoch = steps_per_epoch(
        uses + regular, train.train_batch_size, train.num_processes, train.gradient_accumulation_steps
    )
    parameters, modules = lora_parameters(
        targets,
        train.network_dim,
        train.rank_of_convolutions,
        train.network_train_unet_only,
        train.network_train_text_encoder_only,
    )
    if train.network_module == LYCORIS and lycoris_args(train.network_args).algo == "loha":
        parameters *= 2  # a product of two such pairs
    every = train.save_every_n_steps or (train.save_every_n_epochs or run_steps(train, per_epoch)) * per_epoch
    if per_epoch and run_steps(train, per_epoch) > every * MOST_CHECKPOINTS:
        raise SpriteLoraError(f"the run would leave more than {MOST_CHECKPOINTS:,} checkpoints: save fewer of them")
    size = lora_bytes(parameters, modules, train.file_precision)
    steps = run_steps(train, per_epoch)
    checkpoints = len(saved_checkpoints(train, per_epoch))
    dataset = pictures * package.resolution**2 * 3
    return Plan(
        pictures=pictures,
        num_repeats=package.num_repeats,
        pictures_per_epoch=uses,
        regularisation_per_epoch=regular,
        batch=train.train_batch_size * train.num_processes * train.gradient_accumulation_steps,
        steps_per_epoch=per_epoch,
        epochs=epoch_of(steps, per_epoch),
        steps=steps,
        checkpoints=checkpoints,
        lora_modules=modules,
        lora_parameters=parameters,
        checkpoint_bytes=size,
        checkpoints_bytes=size * checkpoints,
        dataset_bytes=dataset,
        disk_bytes=COPIES_OF_CHECKPOINTS * size * checkpoints + COPIES_OF_DATASET * dataset,
    )


def check_disk(plan: Plan, folder: Path) -> Iterator[Finding]:
    """Free space where `folder` is or will be, against what the run will write."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if shutil.disk_usage(there).free < plan.disk_bytes:
        checkpoints, pictures = _gib(plan.checkpoints_bytes), _gib(plan.dataset_bytes)
        parts = f"checkpoints of {checkpoints} three times (state, outs, DVC's cache) and pictures of {pictures} twice"
        message = f"the run writes about {_gib(plan.disk_bytes)}: {parts}; the disk has less free"
        yield Finding("disk", folder.as_posix(), message)


def plan_lines(plan: Plan, steps_per_second: float | None) -> list[str]:
    """The plan for the person. `steps_per_second`: measured on the machine that will train; None leaves hours out."""
    regular = f", and {plan.regularisation_per_epoch} of regularisation" if plan.regularisation_per_epoch else ""
    lines = [
        f"{plan.pictures} pictures x {plan.num_repeats} repeats = {plan.pictures_per_epoch} per epoch{regular}",
        f"{plan.steps_per_epoch} steps per epoch of {plan.batch} pictures each, "
        f"{plan.steps} steps in {plan.epochs} epochs",
        f"{plan.checkpoints} checkpoints of {_mib(plan.checkpoint_bytes)}, "
        f"{_mib(plan.checkpoints_bytes)} in all ({plan.lora_modules} modules)",
        f"at most {_mib(plan.disk_bytes)} of disk: checkpoints three times (state, outs, DVC's cache), "
        f"training pictures of at most {_mib(plan.dataset_bytes)} twice",
    ]
    if steps_per_second:
        lines.append(f"{plan.steps / steps_per_second / 3600:.1f} hours at {steps_per_second:g} steps per second")
    return lines


def _mib(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
