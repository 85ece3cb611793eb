"""LoRA as kohya's `networks.lora` has it: which modules, under which names, with which scale.

One class for training and for drawing. It hooks into the base model and never changes it: `restore` leaves no trace.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core import rng
from sprite_lora.core.header import read_header
from sprite_lora.lora.adapter import Draws, Network, found_targets, text_targets, unet_targets
from sprite_lora.lora.file import read_tensors
from sprite_lora.lora.lycoris import LycorisNetwork, is_lycoris


class LoRAModule(nn.Module):
    """One low-rank addition: y + up(dropout(down(x))) * multiplier * alpha / rank (Hu et al., arXiv:2106.09685)."""

    alpha: torch.Tensor

    def __init__(self, name: str, target: nn.Module, rank: int, alpha: float, seed: int, dropout: float) -> None:
        super().__init__()
        self.name, self.rank, self.dropout = name, rank, dropout
        self.rank_dropout = self.module_dropout = 0.0
        self.multiplier = 1.0
        self.draws = Draws(seed, name)
        self.scale = alpha / rank
        self.lora_down, self.lora_up = _pair(target, rank)
        self.register_buffer("alpha", torch.tensor(float(alpha)))
        nn.init.kaiming_uniform_(self.lora_down.weight, a=math.sqrt(5), generator=rng.generator(seed, "init", name))
        nn.init.zeros_(self.lora_up.weight)

    def add(self, target: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        """Forward hook of the target module."""
        if self.training and self.draws.leaves_out(self.module_dropout):
            return output
        x = inputs[0]
        if not torch.is_autocast_enabled(x.device.type):
            x = x.to(self.lora_down.weight.dtype)
        low: torch.Tensor = self.lora_down(x)
        if self.training and self.dropout > 0:
            low = low * self._kept(low) / (1 - self.dropout)
        if self.training and self.rank_dropout > 0:
            low = low * self._kept_ranks(low) / (1 - self.rank_dropout)
        change: torch.Tensor = self.lora_up(low)
        return output + (change * (self.multiplier * self.scale)).to(output.dtype)

    def _kept(self, low: torch.Tensor) -> torch.Tensor:
        """network_dropout's mask: a number of the rank at one place of one picture."""
        return (self.draws.uniform("dropout", tuple(low.shape), low.device) >= self.dropout).to(low)

    def _kept_ranks(self, low: torch.Tensor) -> torch.Tensor:
        """rank_dropout's mask: a whole rank for one picture (kohya `LoRAModule.forward`)."""
        drawn = self.draws.uniform("rank dropout", (low.shape[0], self.rank), low.device)
        kept = (drawn >= self.rank_dropout).to(low)
        if low.dim() == 3:
            return kept[:, None]
        return kept[..., None, None] if low.dim() == 4 else kept

    def change_of_weights(self) -> torch.Tensor:
        """up * down * alpha / rank, as one matrix (out, in * kernel)."""
        change: torch.Tensor = (self.lora_up.weight.flatten(1) @ self.lora_down.weight.flatten(1)) * self.scale
        return change

    @torch.no_grad()
    def limit_norm(self, largest: float) -> bool:
        """Scale both matrices by sqrt(largest / norm) where the Frobenius norm of the change is over `largest`.

        kohya's `apply_max_norm_regularization` (Max-Norm, after Srivastava et al. 2014). Whether they were scaled.
        """
        norm = self.change_of_weights().norm()
        if norm <= largest:
            return False
        root = (largest / norm).sqrt()
        self.lora_up.weight.mul_(root)
        self.lora_down.weight.mul_(root)
        return True


def _pair(target: nn.Module, rank: int) -> tuple[Any, Any]:
    """Down and up, without biases. Down keeps a convolution's kernel, stride and padding; up is 1x1.

    Uninitialised here, so that no global random state is used.
    """
    make: Any = skip_init
    if isinstance(target, nn.Conv2d):
        shape = (target.kernel_size, target.stride, target.padding)
        down = make(nn.Conv2d, target.in_channels, rank, *shape, bias=False)
        return down, make(nn.Conv2d, rank, target.out_channels, 1, bias=False)
    assert isinstance(target, nn.Linear)
    return make(nn.Linear, target.in_features, rank, bias=False), make(nn.Linear, rank, target.out_features, bias=False)


class LoRANetwork(Network):
    """All LoRA modules of a base model. The state dict's keys are the file's."""

    loras: list[LoRAModule]

    def __init__(
        self,
        base: BaseModel,
        ranks: Mapping[str, tuple[int, float]],
        seed: int = 0,
        dropout: float = 0.0,
        rank_dropout: float = 0.0,
        module_dropout: float = 0.0,
    ) -> None:
        """`ranks`: rank and alpha per module name, from `ranks_for`, or a file's own from `ranks_in`."""
        targets = found_targets(base, list(ranks), dict(target_modules(base)))
        super().__init__(targets)
        self.loras = [
            LoRAModule(name, target, rank, alpha, seed, dropout)
            for target, (name, (rank, alpha)) in zip(targets, ranks.items(), strict=True)
        ]
        for lora in self.loras:
            lora.rank_dropout, lora.module_dropout = rank_dropout, module_dropout
            self.add_module(lora.name, lora)

    @classmethod
    def from_file(cls, base: BaseModel, path: Path) -> "LoRANetwork":
        """A network for drawing with a LoRA file's weights, on the base's device, not yet applied."""
        network = cls(base, ranks_in(read_tensors(path)))
        network.load_weights(path)
        network.to(base.unet.device)
        network.requires_grad_(False)
        network.eval()
        return network

    def load_weights(self, path: Path) -> None:
        """Take over a file's weights and alphas. Raises SpriteLoraError where its modules or ranks are others."""
        self.load_state_dict(self._fitting(path))
        for lora in self.loras:
            lora.scale = float(lora.alpha) / lora.rank


def network_from_file(base: BaseModel, path: Path) -> Network:
    """A network for drawing with a file's weights: of LyCORIS where it says so or holds what kohya's has not."""
    if is_lycoris(read_header(path)):
        return LycorisNetwork.from_file(base, path)
    return LoRANetwork.from_file(base, path)


@contextmanager
def applied(base: BaseModel, path: Path | None, multiplier: float) -> Iterator[None]:
    """A LoRA file's weights act on the base with that strength; afterwards the base is as it was. None: no LoRA."""
    if path is None:
        yield
        return
    network = network_from_file(base, path)
    network.set_multiplier(multiplier)
    network.apply_to_base()
    try:
        yield
    finally:
        network.restore()


def ranks_for(
    base: BaseModel,
    network_dim: int,
    network_alpha: float | None,
    conv_dim: int | None = None,
    conv_alpha: float | None = None,
    text_encoder: bool = True,
    unet: bool = True,
) -> dict[str, tuple[int, float]]:
    """Rank and alpha per module (kohya `create_network`): Linear and 1x1 convolutions network_dim, 3x3 ones conv_dim.

    Without conv_dim nothing in residual blocks, down- and upsamplers is trained. An alpha of None is 1, of 0 the rank.
    """
    ranks: dict[str, tuple[int, float]] = {}
    for name, module in target_modules(base, with_convolutions=conv_dim is not None):
        if not (unet if name.startswith("lora_unet") else text_encoder):
            continue
        rank, alpha = network_dim, network_alpha
        if conv_dim is not None and isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
            rank, alpha = conv_dim, conv_alpha
        ranks[name] = (rank, (1.0 if alpha is None else alpha) or float(rank))
    return ranks


def ranks_in(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, float]]:
    """Rank and alpha per module of a file's tensors; without an alpha it is the rank (old files)."""
    mark = ".lora_down.weight"
    ranks = {name.removesuffix(mark): tensor.shape[0] for name, tensor in tensors.items() if name.endswith(mark)}
    return {name: (rank, float(tensors.get(f"{name}.alpha", torch.tensor(rank)))) for name, rank in ranks.items()}


def target_modules(base: BaseModel, with_convolutions: bool = True) -> Iterator[tuple[str, nn.Module]]:
    """kohya's name and the module, text encoders first, in module order."""
    family = base.family
    yield from text_targets(base, family.text_blocks)
    yield from unet_targets(base, family.unet_blocks + (family.convolution_blocks if with_convolutions else ()))
