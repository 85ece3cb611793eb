"""full_fp16 and full_bf16: the LoRA's weights, its gradients and the optimizer's state in 16 bit, as in sd-scripts."""

from typing import Any

import torch

from sprite_lora.core.precision import torch_dtype
from sprite_lora.kohya.train_params import Train


def weights_dtype(params: Train) -> torch.dtype:
    """Number format of the LoRA's weights in training: float32, or that of mixed_precision."""
    return torch_dtype(params.mixed_precision if params.full_fp16 or params.full_bf16 else None)


def load_exactly(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Take over an optimizer's state, each tensor in the number format that it was saved in.

    torch casts the state to that of the weights; Adafactor keeps float32 beside 16-bit weights.
    """
    optimizer.load_state_dict(saved)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for number, tensors in saved["state"].items():
        own = optimizer.state[weights[number]]
        for name, tensor in tensors.items():
            if isinstance(tensor, torch.Tensor) and isinstance(own.get(name), torch.Tensor):
                own[name] = tensor.to(own[name].device, copy=True)


def allow_half_gradients(scaler: Any) -> None:
    """Have torch's GradScaler unscale fp16 gradients, which it refuses by itself.

    sd-scripts v0.10.1 train_util.py `patch_accelerator_for_fp16_training`.
    """
    unscale = scaler._unscale_grads_

    def unscale_half(optimizer: Any, inv_scale: Any, found_inf: Any, allow_fp16: bool) -> Any:
        return unscale(optimizer, inv_scale, found_inf, True)

    scaler._unscale_grads_ = unscale_half
