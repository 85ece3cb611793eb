"""How checkpoints are counted: in epochs; where their pictures lie."""

from pathlib import Path

Epoch = int | float
"""A whole number but for checkpoints between two epochs, which have two digits or more; 0 is the untouched base."""


def epoch_folder(samples: Path, epoch: Epoch) -> Path:
    """Where an epoch's pictures lie; epoch 0 is the untouched base."""
    return samples / f"epoch-{in_digits(epoch)}"


def in_digits(epoch: Epoch) -> str:
    """`07` or `02.50`: sorted as text they are sorted as numbers, below 100."""
    whole, point, part = str(epoch).partition(".")
    return f"{whole:0>2}{point}{part:0<2}" if point else f"{whole:0>2}"
