"""reports/plan.json: what the run will do, before it starts."""

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Result


class Plan(Result):
    """The run in numbers, by kohya's accounting (sd-scripts `train_network.py`)."""

    place = Paths.reports / "plan.json"
    stage = "validate"

    pictures: int
    """Training pictures."""
    num_repeats: int
    pictures_per_epoch: int
    """Uses of training pictures in an epoch."""
    regularisation_per_epoch: int
    """Uses of regularisation pictures in an epoch."""
    batch: int
    """Pictures per optimizer step, over all processes and accumulated batches."""
    steps_per_epoch: int
    epochs: int
    steps: int
    checkpoints: int
    lora_modules: int
    lora_parameters: int
    checkpoint_bytes: int
    """A checkpoint's tensors; a file's header adds 0.1 to 0.3 MB."""
    checkpoints_bytes: int
    dataset_bytes: int
    """The training pictures at most: uncompressed."""
    disk_bytes: int
    """All copies of all that the run writes."""
