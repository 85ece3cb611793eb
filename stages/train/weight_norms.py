"""scale_weight_norms: no module may change its layer by more than a given norm."""

import torch

from sprite_lora.lora.network import LoRAModule


def change_of_weights(lora: LoRAModule) -> torch.Tensor:
    """up * down * alpha / rank, as one matrix (out, in * kernel)."""
    up, down = lora.lora_up.weight, lora.lora_down.weight
    change: torch.Tensor = (up.flatten(1) @ down.flatten(1)) * lora.scale
    return change


@torch.no_grad()
def scale_down(loras: list[LoRAModule], largest: float) -> int:
    """Scale both matrices by sqrt(largest / norm) where the Frobenius norm of their change is over `largest`.

    kohya's `apply_max_norm_regularization` (Max-Norm, after Srivastava et al. 2014). Returns how many were scaled.
    """
    scaled = 0
    for lora in loras:
        norm = change_of_weights(lora).norm()
        if norm > largest:
            root = (largest / norm).sqrt()
            lora.lora_up.weight.mul_(root)
            lora.lora_down.weight.mul_(root)
            scaled += 1
    return scaled
