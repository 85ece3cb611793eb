"""Loss and gradients of one batch; on a CPU in parts side by side, with the same sum whatever the number of cores."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.bases.text import Encoded
from sprite_lora.core import machine
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.adapter import Network
from stages.train.native.objective import picture_losses

PICTURES_AT_ONCE = 2
"""On a CPU a batch is cut so; each part is computed on one thread, so that the bits do not depend on the cores.

Two, so that a batch of 4 keeps two cores busy: 0.29 s a step, against 0.43 s uncut and 0.38 s in single pictures.
"""


SMALL = 100_000_000
"""Weights of a U-Net below which a CPU computes a batch in parts; SD1.5's has 860 million."""


@dataclass(frozen=True)
class Batch:
    """One batch as the U-Net is to see it: B pictures; tensors on the device, float32."""

    captions: list[str]
    noisy: torch.Tensor
    """(B, C, h, w)."""
    target: torch.Tensor
    """(B, C, h, w)."""
    timesteps: torch.Tensor
    """(B)."""
    weights: torch.Tensor
    """(B), of each picture's loss."""
    thresholds: torch.Tensor | None = None
    """(B), of loss_type huber and smooth_l1."""
    sizes: torch.Tensor | None = None
    """(B, 6): what SDXL is told of each picture, `Family.predict`; None: all have the training's size."""


@dataclass(frozen=True)
class Model:
    """A base model with an applied LoRA, and how it is computed."""

    base: BaseModel
    network: Network
    params: Train
    resolution: int
    trains_text: bool
    precision: Callable[[], AbstractContextManager[Any]]
    """Autocast, or nothing."""
    cached: Mapping[str, Encoded] | None = None
    """Text states of each caption, on the CPU (cache_text_encoder_outputs); None: encoded anew for each batch."""


def batch_loss(model: Model, batch: Batch) -> torch.Tensor:
    """Mean over the batch of weight * squared error, with gradients to all that is trained."""
    encoded = encode_captions(model, batch.captions)
    return part_loss(model, batch, encoded, slice(None))


def encode_captions(model: Model, captions: list[str]) -> Encoded:
    """Text states, with gradients where a text encoder is trained."""
    if model.cached is not None:
        texts = [model.cached[caption] for caption in captions]
        pooled = [text.pooled for text in texts if text.pooled is not None]
        device = model.base.unet.device
        states = torch.cat([text.states for text in texts]).to(device)
        return Encoded(states, torch.cat(pooled).to(device) if pooled else None)
    with model.precision(), torch.set_grad_enabled(model.trains_text):
        return model.base.encode(captions, model.params.max_token_length, model.params.clip_skip)


def with_cached_texts(model: Model, captions: Iterable[str]) -> Model:
    """The model with all these captions' text states, computed once; its text encoders leave the device."""
    cached = {}
    for caption in dict.fromkeys(captions):
        encoded = encode_captions(model, [caption])
        cached[caption] = Encoded(encoded.states.cpu(), None if encoded.pooled is None else encoded.pooled.cpu())
    for encoder in model.base.text_encoders:
        encoder.to("cpu")
    if model.base.unet.device.type == "cuda":
        torch.cuda.empty_cache()
    return replace(model, cached=cached)


def part_loss(model: Model, batch: Batch, encoded: Encoded, part: slice) -> torch.Tensor:
    """The share of some of the batch's pictures in its loss."""
    pooled = None if encoded.pooled is None else encoded.pooled[part]
    sizes = None if batch.sizes is None else batch.sizes[part]
    with model.precision():
        texts = Encoded(encoded.states[part], pooled)
        predicted = model.base.predict(batch.noisy[part], batch.timesteps[part], texts, model.resolution, sizes)
    thresholds = None if batch.thresholds is None else batch.thresholds[part]
    losses = picture_losses(predicted, batch.target[part], model.params.loss_type, thresholds) * batch.weights[part]
    return losses.sum() / len(batch.captions)


def add_gradients(
    model: Model, batch: Batch, factor: float | torch.Tensor, pool: ThreadPoolExecutor | None
) -> torch.Tensor:
    """Add factor * the gradient of the batch's loss to the weights' gradients; returns the loss.

    With a pool the U-Net sees the batch in parts of PICTURES_AT_ONCE, each on one thread. Their gradients are added in
    the order of the pictures, and those of the text states go on, for the whole batch, through the text encoders.
    module_dropout may leave every module of a part out, or of all: then there is no gradient for it.
    """
    if pool is None:
        value = batch_loss(model, batch)
        if value.requires_grad:
            torch.autograd.backward(value * factor)
        return value.detach()
    encoded = encode_captions(model, batch.captions)
    texts = [tensor for tensor in (encoded.states, encoded.pooled) if tensor is not None]
    cut = [tensor.detach().requires_grad_(model.trains_text) for tensor in texts]
    apart = Encoded(cut[0], cut[1] if encoded.pooled is not None else None)
    weights = [weight for weight in model.network.unet_weights() if weight.requires_grad]
    wanted = [*weights, *(cut if model.trains_text else [])]

    def compute(start: int) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
        model.network.set_part(start)
        value = part_loss(model, batch, apart, slice(start, start + PICTURES_AT_ONCE))
        if not value.requires_grad:
            return value, (None,) * len(wanted)
        return value.detach(), torch.autograd.grad(value * factor, wanted, allow_unused=True)

    values, parts = zip(*pool.map(compute, range(0, len(batch.captions), PICTURES_AT_ONCE)), strict=True)
    # module_dropout leaves a module out for the whole batch: it has no gradient then, in any part.
    sums = [None if of_parts[0] is None else reduce(torch.add, of_parts) for of_parts in zip(*parts, strict=True)]
    for weight, total in zip(weights, sums, strict=False):
        if total is None:
            continue
        weight.grad = total if weight.grad is None else weight.grad + total
    if model.trains_text:
        pairs = zip(texts, sums[len(weights) :], strict=True)
        if reached := [(text, total) for text, total in pairs if total is not None and text.requires_grad]:
            torch.autograd.backward([text for text, _ in reached], [total for _, total in reached])
    total_loss: torch.Tensor = reduce(torch.add, values)
    return total_loss


def side_by_side(base: BaseModel, device: torch.device) -> ThreadPoolExecutor | None:
    """Workers for the parts of a batch, for small models on a CPU; a large one gets all cores for each operation."""
    if device.type != "cpu":
        return None
    small = sum(weight.numel() for weight in base.unet.parameters()) < SMALL
    torch.set_num_threads(1 if small else machine.cores())
    return machine.one_thread_each(machine.cores()) if small else None


def set_attention(unet: Any, xformers: bool, sdpa: bool) -> None:
    """How the U-Net computes attention: xformers, torch's fast one, or plainly; the same result up to rounding."""
    from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

    if xformers:
        unet.enable_xformers_memory_efficient_attention()
    else:
        unet.set_attn_processor(AttnProcessor2_0() if sdpa else AttnProcessor())


def set_gradient_checkpointing(base: BaseModel, text_encoders: bool) -> None:
    """Recompute activations instead of keeping them. Needs training mode, where these models have no dropout."""
    base.unet.enable_gradient_checkpointing()
    base.unet.train()
    for encoder in base.text_encoders if text_encoders else []:
        encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        encoder.train()
        assert encoder.config.attention_dropout == 0, "a text encoder with dropout"
