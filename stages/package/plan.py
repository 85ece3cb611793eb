"""What the run will do, before it starts: steps, checkpoints, bytes, and hours at a stated speed."""

from collections.abc import Sequence
from typing import Any

from sprite_lora.dataset.package_params import Steps
from sprite_lora.lora.checkpoints import saved_epochs
from sprite_lora.lora.size import Target, lora_bytes, lora_parameters

COPIES_OF_CHECKPOINTS = 3
"""In the state folder, in the out, in DVC's cache."""

COPIES_OF_DATASET = 2
"""In the out and in DVC's cache."""


def plan(
    pictures: int,
    num_repeats: int,
    steps: Steps,
    targets: list[Target],
    dataset_bytes: int,
    regularisation: Sequence[int] = (),
) -> dict[str, Any]:
    """The plan as reports/package.json holds it, by kohya's accounting (sd-scripts `train_network.py`).

    All pictures are of one size, hence in one bucket: batches per epoch = ceil(pictures x repeats / batch), steps per
    epoch = ceil(batches / processes / accumulation). `regularisation`: the repeats of each regularisation picture.
    `checkpoint_bytes` are the tensors'; a file's header adds 0.1 to 0.3 MB.
    """
    per_epoch = pictures * num_repeats
    regular = regular_uses(per_epoch, regularisation)
    batches = -(-(per_epoch + regular) // steps.train_batch_size)
    steps_per_epoch = -(-batches // (steps.num_processes * steps.gradient_accumulation_steps))
    parameters, modules = lora_parameters(
        targets,
        steps.network_dim,
        steps.conv_dim,
        steps.network_train_unet_only,
        steps.network_train_text_encoder_only,
    )
    size = lora_bytes(parameters, modules, steps.save_precision)
    checkpoints = len(saved_epochs(steps.max_train_epochs, steps.save_every_n_epochs))
    return {
        "pictures": pictures,
        "num_repeats": num_repeats,
        "pictures_per_epoch": per_epoch,
        "regularisation_per_epoch": regular,
        "batch": steps.train_batch_size * steps.num_processes * steps.gradient_accumulation_steps,
        "steps_per_epoch": steps_per_epoch,
        "epochs": steps.max_train_epochs,
        "steps": steps_per_epoch * steps.max_train_epochs,
        "checkpoints": checkpoints,
        "lora_modules": modules,
        "lora_parameters": parameters,
        "checkpoint_bytes": size,
        "checkpoints_bytes": size * checkpoints,
        "dataset_bytes": dataset_bytes,
        "disk_bytes": COPIES_OF_CHECKPOINTS * size * checkpoints + COPIES_OF_DATASET * dataset_bytes,
    }


def regular_uses(training: int, repeats: Sequence[int]) -> int:
    """Uses of regularisation pictures in an epoch with `training` uses of sprites.

    In turn, each with its repeats, and round again one by one, until there are as many (kohya's `DreamBoothDataset`).
    """
    uses = 0
    for count in repeats:
        if uses >= training:
            return uses
        uses += count
    return max(uses, training) if repeats else 0


def plan_lines(plan: dict[str, Any], steps_per_second: float | None) -> list[str]:
    """The plan for the person. `steps_per_second`: measured on the machine that will train; None leaves hours out."""
    lines = [
        f"{plan['pictures']} pictures x {plan['num_repeats']} repeats = {plan['pictures_per_epoch']} per epoch"
        + f", and {plan['regularisation_per_epoch']} of regularisation" * bool(plan["regularisation_per_epoch"]),
        f"{plan['steps_per_epoch']} steps per epoch of {plan['batch']} pictures each, "
        f"{plan['steps']} steps in {plan['epochs']} epochs",
        f"{plan['checkpoints']} checkpoints of {_mib(plan['checkpoint_bytes'])}, "
        f"{_mib(plan['checkpoints_bytes'])} in all ({plan['lora_modules']} modules)",
        f"dataset of {_mib(plan['dataset_bytes'])}; {_mib(plan['disk_bytes'])} of disk in all, with DVC's cache and "
        "what an interrupted run resumes from",
    ]
    if steps_per_second:
        lines.append(f"{plan['steps'] / steps_per_second / 3600:.1f} hours at {steps_per_second:g} steps per second")
    return lines


def _mib(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
