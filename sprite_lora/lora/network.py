"""LoRA as kohya's `networks.lora` has it: which modules, under which names, with which scale.

One class for training and for drawing. It hooks into the base model and never changes it: `restore` leaves no trace.
"""

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init
from torch.utils.hooks import RemovableHandle

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core import rng
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.file import read_tensors


class LoRAModule(nn.Module):
    """One low-rank addition: y + up(dropout(down(x))) * multiplier * alpha / rank (Hu et al., arXiv:2106.09685)."""

    alpha: torch.Tensor

    def __init__(self, name: str, target: nn.Module, rank: int, alpha: float, seed: int, dropout: float) -> None:
        super().__init__()
        self.name, self.rank, self.seed, self.dropout = name, rank, seed, dropout
        self.multiplier = 1.0
        self.step = 0
        self.part_of_thread: dict[int, int] = {}
        self.scale = alpha / rank
        self.lora_down, self.lora_up = _pair(target, rank)
        self.register_buffer("alpha", torch.tensor(float(alpha)))
        nn.init.kaiming_uniform_(self.lora_down.weight, a=math.sqrt(5), generator=rng.generator(seed, "init", name))
        nn.init.zeros_(self.lora_up.weight)

    def add(self, target: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        """Forward hook of the target module."""
        x = inputs[0]
        if not torch.is_autocast_enabled(x.device.type):
            x = x.to(self.lora_down.weight.dtype)
        low: torch.Tensor = self.lora_down(x)
        if self.training and self.dropout > 0:
            low = low * self._kept(low) / (1 - self.dropout)
        change: torch.Tensor = self.lora_up(low)
        return output + (change * (self.multiplier * self.scale)).to(output.dtype)

    def _kept(self, low: torch.Tensor) -> torch.Tensor:
        """Dropout's mask, a function of (seed, step, part of the batch, module): drawn twice it is the same.

        Gradient checkpointing does so, on CUDA in a thread of autograd's own; there the batch is in one part, 0. It is
        drawn on the device: at SD1.5's size a step needs 45 million numbers. So GPU models differ in it.
        """
        part = self.part_of_thread.get(threading.get_ident(), 0)
        where = (self.step, part, self.name)
        drawn = rng.uniform(tuple(low.shape), self.seed, "dropout", *where, device=low.device)
        return (drawn >= self.dropout).to(low)


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


class LoRANetwork(nn.Module):
    """All LoRA modules of a base model. The state dict's keys are the file's."""

    def __init__(
        self, base: BaseModel, ranks: Mapping[str, tuple[int, float]], seed: int = 0, dropout: float = 0.0
    ) -> None:
        """`ranks`: rank and alpha per module name, from `ranks_for`, or a file's own from `ranks_in`."""
        super().__init__()
        targets = dict(target_modules(base))
        unknown = sorted(set(ranks) - set(targets))
        if unknown:
            raise SpriteLoraError(
                f"{len(unknown)} of the LoRA's {len(ranks)} modules are not in this base model, such as {unknown[0]}",
                f"the base model is {base.family.label}; the LoRA was made for another one",
            )
        self._targets = [targets[name] for name in ranks]
        self.loras = [
            LoRAModule(name, targets[name], rank, alpha, seed, dropout) for name, (rank, alpha) in ranks.items()
        ]
        self._handles: list[RemovableHandle] = []
        for lora in self.loras:
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

    def unet_weights(self) -> list[nn.Parameter]:
        """The U-Net's part of the weights."""
        return [weight for lora in self.loras if lora.name.startswith("lora_unet") for weight in lora.parameters()]

    def text_weights(self) -> list[nn.Parameter]:
        """The text encoders' part of the weights."""
        return [weight for lora in self.loras if lora.name.startswith("lora_te") for weight in lora.parameters()]

    def apply_to_base(self) -> None:
        """Hook into the base model."""
        assert not self._handles, "applied already"
        pairs = zip(self._targets, self.loras, strict=True)
        self._handles = [target.register_forward_hook(lora.add) for target, lora in pairs]

    def restore(self) -> None:
        """Unhook; the base model is as it was."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def load_weights(self, path: Path) -> None:
        """Take over a file's weights and alphas. Raises SpriteLoraError where its modules or ranks are others."""
        tensors = self._fitting(path)
        self.load_state_dict(tensors)
        for lora in self.loras:
            lora.scale = float(lora.alpha) / lora.rank

    def _fitting(self, path: Path) -> dict[str, torch.Tensor]:
        tensors, own = read_tensors(path), self.state_dict()
        wrong = sorted(
            name
            for name in {*tensors, *own}
            if name not in tensors or name not in own or tensors[name].shape != own[name].shape
        )
        if wrong:
            raise SpriteLoraError(f"{path}: its modules or ranks are not this network's, such as {wrong[0]}")
        return tensors

    def start_from(self, path: Path) -> None:
        """Take over a file's weights to go on from: kohya's --network_weights.

        Raises SpriteLoraError where its modules, ranks or alphas are others. kohya keeps its own scale with another
        alpha: the weights would act more or less than they did.
        """
        tensors = self._fitting(path)
        alphas = {f"{lora.name}.alpha": lora.alpha.clone() for lora in self.loras}
        for name, alpha in alphas.items():
            if tensors[name] != alpha.to(tensors[name].dtype):
                raise SpriteLoraError(
                    f"{path}: {name} is {float(tensors[name]):g}, and the network to train has {float(alpha):g}",
                    "network_alpha and conv_alpha must be those that the file was trained with",
                )
        self.load_state_dict(tensors | alphas)

    def set_multiplier(self, multiplier: float) -> None:
        """How strongly the LoRA acts: 0 not at all, 1 as trained."""
        for lora in self.loras:
            lora.multiplier = multiplier

    def set_step(self, step: int) -> None:
        """Which step's dropout to draw."""
        for lora in self.loras:
            lora.step = step

    def set_part(self, part: int) -> None:
        """Which part of the batch the calling thread computes, for dropout."""
        for lora in self.loras:
            lora.part_of_thread[threading.get_ident()] = part


@contextmanager
def applied(base: BaseModel, path: Path | None, multiplier: float) -> Iterator[None]:
    """A LoRA file's weights act on the base with that strength; afterwards the base is as it was. None: no LoRA."""
    if path is None:
        yield
        return
    network = LoRANetwork.from_file(base, path)
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
    for named, encoder in zip(family.text_encoders, base.text_encoders, strict=True):
        for path, module in _inside(encoder, family.text_blocks):
            yield f"{named.lora}_{path}".replace(".", "_"), module
    blocks = family.unet_blocks + (family.convolution_blocks if with_convolutions else ())
    for path, module in _inside(base.unet, blocks):
        yield f"lora_unet_{family.lora_path(path)}".replace(".", "_"), module


def _inside(root: nn.Module, blocks: tuple[str, ...]) -> Iterator[tuple[str, nn.Module]]:
    """Linear and Conv2d modules inside blocks of the given class names."""
    for path, block in root.named_modules():
        if type(block).__name__ in blocks:
            for inner, module in block.named_modules():
                if type(module).__name__ in ("Linear", "Conv2d"):
                    yield f"{path}.{inner}", module
