"""What every kind of network has: modules that add to the output of the base model's, hooked in and taken out again.

A network hooks into the base model and never changes it: `restore` leaves no trace. The kinds are `network`, kohya's
networks.lora, and `lycoris`; `network.applied` draws with a file of either.
"""

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core import rng
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.file import read_tensors

HALF = 2**-8
"""Relative precision of the coarsest format that holds an alpha, bf16."""


class Addition(Protocol):
    """What one module of the base model gets added to its output."""

    name: str
    multiplier: float
    draws: "Draws"

    def add(self, target: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        """Forward hook of the target module."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its weights."""

    def limit_norm(self, largest: float) -> bool:
        """Scale it down where the Frobenius norm of its change is over `largest`. Whether it was."""


class Draws:
    """Random draws of one module in training: functions of (seed, step, part of the batch, module).

    Drawn twice they are the same. Gradient checkpointing does so, on CUDA in a thread of autograd's own; there the
    batch is in one part, 0.
    """

    def __init__(self, seed: int, name: str) -> None:
        self.seed, self.name = seed, name
        self.step = 0
        self.part_of_thread: dict[int, int] = {}

    def uniform(self, purpose: str, shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
        """U[0, 1) on the device, for this thread's part of the batch.

        At SD1.5's size a step needs 45 million numbers for dropout, so they are not drawn on the CPU; GPU models differ
        in them.
        """
        part = self.part_of_thread.get(threading.get_ident(), 0)
        return rng.uniform(shape, self.seed, purpose, self.step, part, self.name, device=device)

    def leaves_out(self, share: float) -> bool:
        """Whether the module is left out of this step, for the whole batch: kohya's module_dropout."""
        return share > 0 and rng.uniform((), self.seed, "module dropout", self.step, self.name).item() < share


class Network(nn.Module):
    """All additions to a base model. Its state dict's keys are the file's."""

    loras: Sequence[Addition]
    refusal = "its modules or ranks are not this network's"

    def __init__(self, targets: Sequence[nn.Module]) -> None:
        """`targets`: the base's modules, in the order of `loras`."""
        super().__init__()
        self._targets = targets
        self._handles: list[RemovableHandle] = []

    def unet_weights(self) -> list[nn.Parameter]:
        """The U-Net's part of the weights."""
        return [weight for lora in self.loras if lora.name.startswith("lora_unet") for weight in lora.parameters()]

    def text_weights(self, prefix: str = "lora_te") -> list[nn.Parameter]:
        """The text encoders' part of the weights; `prefix`: how the names of one encoder's modules begin."""
        return [weight for lora in self.loras if lora.name.startswith(prefix) for weight in lora.parameters()]

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

    def file_tensors(self) -> dict[str, torch.Tensor]:
        """What its file holds."""
        return {name: tensor.detach() for name, tensor in self.state_dict().items()}

    def training_state(self) -> dict[str, torch.Tensor]:
        """All that training changes, exactly: what a killed run goes on from."""
        return self.file_tensors()

    def load_training_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take it over."""
        self.load_state_dict(state)

    def start_from(self, path: Path) -> None:
        """Take over a file's weights to go on from: kohya's --network_weights.

        Raises SpriteLoraError where its modules, ranks or alphas are others. kohya keeps its own scale with another
        alpha: the weights would act more or less than they did.
        """
        tensors = self._fitting(path)
        own = self.file_tensors()
        alphas = {name: own[name].clone() for name in own if name.endswith(".alpha")}
        for name, alpha in alphas.items():
            if not math.isclose(float(tensors[name]), float(alpha), rel_tol=HALF):
                raise SpriteLoraError(
                    f"{path}: {name} is {float(tensors[name]):g}, and the network to train has {float(alpha):g}",
                    "network_alpha and conv_alpha must be those that the file was trained with",
                )
        self.load_state_dict(tensors | alphas)

    def _fitting(self, path: Path) -> dict[str, torch.Tensor]:
        tensors, own = read_tensors(path), self.file_tensors()
        wrong = sorted(
            name
            for name in {*tensors, *own}
            if name not in tensors or name not in own or tensors[name].shape != own[name].shape
        )
        if wrong:
            raise SpriteLoraError(f"{path}: {self.refusal}, such as {wrong[0]}")
        return tensors

    def set_multiplier(self, multiplier: float) -> None:
        """How strongly the network acts: 0 not at all, 1 as trained."""
        for lora in self.loras:
            lora.multiplier = multiplier

    def set_step(self, step: int) -> None:
        """Which step's dropout to draw."""
        for lora in self.loras:
            lora.draws.step = step

    def set_part(self, part: int) -> None:
        """Which part of the batch the calling thread computes, for dropout."""
        for lora in self.loras:
            lora.draws.part_of_thread[threading.get_ident()] = part


def found_targets(base: BaseModel, names: Sequence[str], targets: Mapping[str, nn.Module]) -> list[nn.Module]:
    """The base's modules of those names. Raises SpriteLoraError where it has not all of them."""
    unknown = sorted(set(names) - set(targets))
    if unknown:
        raise SpriteLoraError(
            f"{len(unknown)} of the LoRA's {len(names)} modules are not in this base model, such as {unknown[0]}",
            f"the base model is {base.family.label}; the LoRA was made for another one",
        )
    return [targets[name] for name in names]


def text_targets(base: BaseModel, blocks: tuple[str, ...]) -> Iterator[tuple[str, nn.Module]]:
    """kohya's name and the module of Linear and Conv2d inside blocks of those classes, in module order."""
    for named, encoder in zip(base.family.text_encoders, base.text_encoders, strict=True):
        for path, module in _inside(encoder, blocks):
            yield f"{named.lora}_{path}".replace(".", "_"), module


def unet_targets(
    base: BaseModel, blocks: tuple[str, ...], outer: tuple[str, ...] = ()
) -> Iterator[tuple[str, nn.Module]]:
    """The same of the U-Net. `outer`: modules outside of the blocks, by diffusers' names."""
    for path, module in _inside(base.unet, blocks):
        yield f"lora_unet_{base.family.lora_path(path)}".replace(".", "_"), module
    for path in outer:
        yield f"lora_unet_{path}".replace(".", "_"), base.unet.get_submodule(path)


def _inside(root: nn.Module, blocks: tuple[str, ...]) -> Iterator[tuple[str, nn.Module]]:
    """Linear and Conv2d modules inside blocks of the given class names."""
    for path, block in root.named_modules():
        if type(block).__name__ in blocks:
            for inner, module in block.named_modules():
                if type(module).__name__ in ("Linear", "Conv2d"):
                    yield f"{path}.{inner}", module
