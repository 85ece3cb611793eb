"""The LoRA that training goes on from, kohya's `--network_weights`: which file, and whether it fits, by its header."""

from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.core.header import read_header
from sprite_lora.lora.layout import Module, read_modules

EMPTY = ".gitkeep"
"""Git keeps no folder without a file."""


def start_file(network_weights: Path) -> Path | None:
    """The file; None where the path is an empty folder. Raises SpriteLoraError for anything else."""
    if network_weights.is_dir():
        held = sorted(path.name for path in network_weights.iterdir() if path.name != EMPTY)
        if held:
            raise SpriteLoraError(
                f"paths.network_weights {network_weights} is a folder with {held[0]} in it",
                "name the .safetensors file itself; an empty folder, such as models/no_weights, means none",
            )
        return None
    if not network_weights.is_file():
        raise SpriteLoraError(
            f"paths.network_weights {network_weights} does not exist",
            "for none: an empty folder, models/no_weights",
        )
    if network_weights.suffix != ".safetensors":
        raise SpriteLoraError(
            f"paths.network_weights {network_weights} is no .safetensors file (pickled weights can run any code)",
            "convert it to safetensors first",
        )
    return network_weights


def start_hash(network_weights: Path) -> str | None:
    """SHA-256 of the file; None where training starts anew."""
    path = start_file(network_weights)
    return None if path is None else sha256(path)


def start_problem(network_weights: Path, network_dim: int, conv_dim: int | None) -> str | None:
    """Why training with these ranks cannot go on from the file, as far as its header shows; None where it may.

    `conv_dim`: of convolutions larger than 1x1; None where they are not trained. Ranks of LoRA's modules alone are
    compared here; the trainer compares every tensor.
    """
    try:
        path = start_file(network_weights)
        if path is None:
            return None
        modules, _ = read_modules(read_header(path).tensors)
    except SpriteLoraError as error:
        return str(error.args[0])
    if not modules:
        return f"paths.network_weights {path} holds no LoRA"
    return next(
        (problem for module in modules if (problem := _rank_problem(path, module, network_dim, conv_dim))), None
    )


def _rank_problem(path: Path, module: Module, network_dim: int, conv_dim: int | None) -> str | None:
    name, wanted = ("conv_dim", conv_dim) if module.convolution else ("network_dim", network_dim)
    if module.algorithm != "LoRA" or module.rank == wanted:
        return None
    return f"paths.network_weights {path} has rank {module.rank} at {module.name}; train.{name} is {wanted}"
