"""LoCon, LoHa, LoKr and DoRA through LyCORIS' own modules, as its `lycoris.kohya` makes them for sd-scripts.

LyCORIS is asked for modules one by one, under kohya's names. Its own `create_network` names the modules of diffusers'
U-Net for SDXL as no other program does, draws from the global random state, and stops at SD1's time embedding, which
its preset `full` names twice.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.core import rng
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import Header
from sprite_lora.kohya.network_args import LYCORIS, PRESETS, LycorisArgs, Preset
from sprite_lora.lora.adapter import Draws, Network, found_targets, text_targets, unet_targets
from sprite_lora.lora.file import read_tensors

ONLY_LORA = ("lora_down.weight", "lora_up.weight", "alpha")

WEIGHTS = {"lora_down.weight": "locon", "hada_w1_a": "loha", "lokr_w1": "lokr", "lokr_w1_a": "lokr"}
"""A tensor that only this algorithm's modules have."""

LOKR = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")


def module_classes() -> dict[str, Any]:
    """LyCORIS' classes by `algo`. Its functions run as plain torch: compiled or fused ones are others on each GPU."""
    os.environ["LYCORIS_KERNEL_BACKEND"] = "torch"
    import logging

    from lycoris.modules.locon import LoConModule
    from lycoris.modules.loha import LohaModule
    from lycoris.modules.lokr import LokrModule

    logging.getLogger("LyCORIS").setLevel(logging.ERROR)
    return {"lora": LoConModule, "locon": LoConModule, "loha": LohaModule, "lokr": LokrModule}


class LycorisAddition:
    """What one of LyCORIS' modules adds to the output of the base's."""

    def __init__(self, name: str, inner: Any, seed: int = 0, module_dropout: float = 0.0) -> None:
        self.name, self.inner, self.module_dropout = name, inner, module_dropout
        self.draws = Draws(seed, name)
        inner.org_forward = _nothing

    @property
    def multiplier(self) -> float:
        """How strongly it acts."""
        return float(self.inner.multiplier)

    @multiplier.setter
    def multiplier(self, value: float) -> None:
        self.inner.multiplier = value

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its weights."""
        found: Iterator[nn.Parameter] = self.inner.parameters()
        return found

    def add(self, target: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        """Forward hook of the target module: LyCORIS' own forward, with zero for the target's output."""
        if self.inner.training and self.draws.leaves_out(self.module_dropout):
            return output
        x = inputs[0]
        device = x.device.type
        plain = x.dtype == torch.float32 or torch.is_autocast_enabled(device)
        # In half precision without autocast, as pictures are drawn, its float32 weights meet a half-precision input.
        with nullcontext() if plain else torch.autocast(device, x.dtype):
            change: torch.Tensor = self.inner(x)
        return output + change.to(output.dtype)

    def limit_norm(self, largest: float) -> bool:
        """LyCORIS' `apply_max_norm`. Whether it scaled."""
        scaled, _ = self.inner.apply_max_norm(largest, self.inner.alpha.device)
        return bool(scaled)


def _nothing(*_: Any, **__: Any) -> float:
    return 0.0


class LycorisNetwork(Network):
    """LyCORIS' modules on a base model. The state dict's keys are the file's."""

    loras: list[LycorisAddition]
    refusal = "its modules, algorithm or ranks are not this network's"

    def __init__(self, targets: list[nn.Module], loras: list[LycorisAddition]) -> None:
        super().__init__(targets)
        self.loras = loras
        for lora in loras:
            self.add_module(lora.name, lora.inner)

    @classmethod
    def create(
        cls, base: BaseModel, args: LycorisArgs, ranks: "Ranks", seed: int = 0, module_dropout: float = 0.0
    ) -> "LycorisNetwork":
        """A network to train. Initial weights are LyCORIS' own draws, a function of (seed, module)."""
        kind, options = module_classes()[args.algo], vars(args).copy()
        for name in ("algo", "preset", "use_tucker"):
            options.pop(name)
        options["weight_decompose"] = options.pop("dora_wd")
        options["wd_on_out"] = options.pop("wd_on_output")
        targets, loras = [], []
        for name, target in lycoris_targets(base, PRESETS[args.preset]):
            if not (rank := ranks.of(name, target, PRESETS[args.preset])):
                continue
            with _drawing_from(rng.key(seed, "init", name)):
                inner = kind(name, target, 1.0, *rank, 0.0, 0.0, 0.0, args.use_tucker, **options)
            targets.append(target)
            loras.append(LycorisAddition(name, inner, seed, module_dropout))
        if not loras:
            raise SpriteLoraError(f"train.network_args: preset={args.preset} adapts nothing that is trained here")
        return cls(targets, loras)

    @classmethod
    def from_file(cls, base: BaseModel, path: Path) -> "LycorisNetwork":
        """A network for drawing with a file's weights, on the base's device, not yet applied."""
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in read_tensors(path).items():
            module, _, part = name.partition(".")
            parts.setdefault(module, {})[part] = tensor
        targets = found_targets(base, list(parts), dict(all_targets(base)))
        try:
            inner = [_read_module(n, t, p) for t, (n, p) in zip(targets, parts.items(), strict=True)]
        except (KeyError, RuntimeError, ValueError) as error:
            raise SpriteLoraError(f"{path}: no LoCon, LoHa or LoKr of this base model: {error}") from None
        network = cls(targets, [LycorisAddition(n, i) for n, i in zip(parts, inner, strict=True)])
        network.to(base.unet.device)
        network.requires_grad_(False)
        network.eval()
        return network

    def training_state(self) -> dict[str, torch.Tensor]:
        """Weights as they are trained, with each module's scalar: a file has both as one product."""
        tensors = {f"{lora.name}.scalar": lora.inner.scalar.detach() for lora in self.loras}
        return tensors | {name: weight.detach() for name, weight in self.named_parameters()}

    @torch.no_grad()
    def load_training_state(self, state: Mapping[str, torch.Tensor]) -> None:
        own = self.training_state()
        assert own.keys() == state.keys(), "a state of another network"
        for name, tensor in own.items():
            tensor.copy_(state[name])


class Ranks:
    """Rank and alpha of each module, as `create_network` deals them out."""

    def __init__(
        self,
        network_dim: int,
        network_alpha: float,
        conv_dim: int | None = None,
        conv_alpha: float | None = None,
        text_encoder: bool = True,
        unet: bool = True,
    ) -> None:
        """Linear and 1x1 convolutions get the first two; without a value of their own larger ones get them too."""
        self.linear = (network_dim, network_alpha)
        self.convolution = (conv_dim or network_dim, conv_alpha or network_alpha)
        self.text_encoder, self.unet = text_encoder, unet

    def of(self, name: str, target: nn.Module, preset: Preset) -> tuple[int, float] | None:
        """None where the module is not adapted."""
        if not (self.unet if name.startswith("lora_unet") else self.text_encoder):
            return None
        if not isinstance(target, nn.Conv2d) or target.kernel_size[0] == 1:
            return self.linear
        return self.convolution if preset.convolutions else None


def lycoris_targets(base: BaseModel, preset: Preset) -> Iterator[tuple[str, nn.Module]]:
    """kohya's name and the module, text encoders first."""
    outer = tuple(name for name in preset.unet_names if name in base.family.outer_modules)
    yield from text_targets(base, preset.text_blocks)
    yield from unet_targets(base, preset.unet_blocks, outer)


def all_targets(base: BaseModel) -> Iterator[tuple[str, nn.Module]]:
    """Every module that some preset adapts."""
    return lycoris_targets(base, PRESETS["full"])


def is_lycoris(header: Header) -> bool:
    """Whether a file is of LyCORIS, by its metadata, or by a tensor that kohya's networks.lora does not write."""
    return header.metadata.get("ss_network_module") == LYCORIS or any(
        name.partition(".")[2] not in ONLY_LORA for name in header.tensors
    )


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """torch's global CPU generator starts at the seed, and is afterwards as it was."""
    state = torch.random.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.random.set_rng_state(state)


def _read_module(name: str, target: Any, parts: dict[str, torch.Tensor]) -> Any:
    """LyCORIS' module with a file's weights. All that its forward needs is in names, shapes and alpha.

    LyCORIS' own `make_module_from_state_dict` guesses LoKr's factor from shapes, and takes DoRA's lengths by output.
    """
    algo = next((WEIGHTS[part] for part in parts if part in WEIGHTS), None)
    if algo is None:
        raise ValueError(f"{name} has {', '.join(sorted(parts))}")
    ranked = {"locon": ("lora_down.weight",), "loha": ("hada_w1_b",), "lokr": ("lokr_w2_b", "lokr_w1_b")}[algo]
    rank = next((parts[part].shape[0] for part in ranked if part in parts), 1)
    lengths = parts.get("dora_scale")
    options = {
        "use_tucker": any(part in parts for part in ("lora_mid.weight", "hada_t1", "lokr_t2")),
        "weight_decompose": lengths is not None,
        "wd_on_out": lengths is None or lengths.shape[0] == target.weight.shape[0],
        "full_matrix": True,
    }
    alpha = float(parts.get("alpha", torch.tensor(rank)))
    with _drawing_from(0):
        inner = module_classes()[algo](name, target, 1.0, rank, alpha, **options)
    if algo == "lokr":
        _take_factors(inner, parts, alpha / rank)
    inner.load_state_dict({"alpha": torch.tensor(float(rank)), **parts})
    return inner


def _take_factors(inner: Any, parts: dict[str, torch.Tensor], scale: float) -> None:
    """Give a LoKr module the matrices that a file has, each side whole or as a product."""
    for part in LOKR:
        if hasattr(inner, part):
            delattr(inner, part)
        if part in parts:
            setattr(inner, part, nn.Parameter(torch.empty_like(parts[part], dtype=torch.float32)))
    inner.use_w1, inner.use_w2, inner.tucker = "lokr_w1" in parts, "lokr_w2" in parts, "lokr_t2" in parts
    inner.scale = 1.0 if inner.use_w1 and inner.use_w2 else scale
