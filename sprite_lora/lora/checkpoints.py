"""Which epochs have a checkpoint, and under which file name: kohya's rule."""

from pathlib import Path


def saved_epochs(max_train_epochs: int, save_every_n_epochs: int) -> list[int]:
    """Epochs (from 1) that leave a checkpoint: every n-th, and the last one always."""
    every = range(save_every_n_epochs, max_train_epochs, save_every_n_epochs)
    return [*every, max_train_epochs]


def file_name(output_name: str, epoch: int, max_train_epochs: int) -> str:
    """`<name>-000003.safetensors`; the last epoch's file has no number.

    Source: sd-scripts `get_epoch_ckpt_name`, `get_last_ckpt_name`.
    """
    last = epoch == max_train_epochs
    return f"{output_name}.safetensors" if last else f"{output_name}-{epoch:06d}.safetensors"


def checkpoint_files(
    folder: Path, output_name: str, max_train_epochs: int, save_every_n_epochs: int
) -> dict[int, Path]:
    """Epoch to file, in order, for every checkpoint that a whole run leaves in `folder`."""
    epochs = saved_epochs(max_train_epochs, save_every_n_epochs)
    return {epoch: folder / file_name(output_name, epoch, max_train_epochs) for epoch in epochs}


def epoch_folder(samples: Path, epoch: int) -> Path:
    """Where an epoch's pictures lie; epoch 0 is the untouched base."""
    return samples / f"epoch-{epoch:02d}"
