"""reports/plan.json: what the run will do, before it starts."""

from typing import Annotated

from pydantic import Field

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Count, Result


class Plan(Result):
    """The run in numbers, by kohya's accounting (sd-scripts `train_network.py`)."""

    place = Paths.reports / "plan.json"
    stage = "validate"

    pictures: Count
    """Training pictures."""
    num_repeats: Count
    pictures_per_epoch: Count
    """Uses of training pictures in an epoch."""
    regularisation_per_epoch: Count
    """Uses of regularisation pictures in an epoch."""
    batch: Count
    """Pictures per optimizer step, over all processes and accumulated batches."""
    steps_per_epoch: Annotated[Count, Field(ge=1)]
    epochs: Count
    steps: Count
    checkpoints: Count
    lora_modules: Count
    lora_parameters: Count
    checkpoint_bytes: Count
    """A checkpoint's tensors; a file's header adds 0.1 to 0.3 MB."""
    checkpoints_bytes: Count
    dataset_bytes: Count
    """The training pictures at most: uncompressed."""
    disk_bytes: Count
    """All copies of all that the run writes."""
