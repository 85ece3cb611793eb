"""Mixed precision: autocast for the forward pass, and the gradient scaler that fp16 needs."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.amp.grad_scaler import GradScaler

from sprite_lora.core.precision import torch_dtype

SMALLEST_SCALE = 1.0
"""The scale starts at 2^16 and halves at each overflow; below this the values themselves are not finite."""


class Precision:
    """How one process computes: kohya's `mixed_precision` on a device."""

    def __init__(self, mixed_precision: str, device: torch.device) -> None:
        self.device = device
        self.dtype = torch_dtype(mixed_precision)
        self.scaler = GradScaler(device.type) if self.dtype == torch.float16 else None
        """torch's own, with its defaults, as accelerate takes it for sd-scripts."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Operations run in 16 bit where that is safe; nothing changes in fp32."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def factor(self, accumulation: int) -> float | torch.Tensor:
        """What a batch's loss is multiplied with before the backward pass: its share of the step, and fp16's scale."""
        if self.scaler is None:
            return 1 / accumulation
        scaled: torch.Tensor = self.scaler.scale(torch.tensor(1 / accumulation, device=self.device))
        return scaled

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the gradients their true size, for clipping; fp16's scaler notes whether one overflowed."""
        if self.scaler:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        """The optimizer's step. False where an overflow left it out: the scale is halved then."""
        if self.scaler is None:
            optimizer.step()
            return True
        before = self.scaler.get_scale()
        self.scaler.step(optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= before

    @property
    def collapsed(self) -> bool:
        """Whether so many overflows came in a row that no scale helps."""
        return self.scaler is not None and self.scaler.get_scale() < SMALLEST_SCALE
