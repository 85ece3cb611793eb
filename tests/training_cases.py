"""Trainings in every precision, run by the CPU's tests where torch can, and by those for a GPU."""

from safetensors.torch import load

CASES = {
    "bf16": {"mixed_precision": "bf16"},
    "fp16": {"mixed_precision": "fp16"},
    "fp16, saved so": {"mixed_precision": "fp16", "save_precision": "fp16"},
    "fp16, checkpointing and dropout": {
        "mixed_precision": "fp16",
        "gradient_checkpointing": True,
        "network_dropout": 0.2,
    },
    "fp16, convolutions": {"mixed_precision": "fp16", "conv_dim": 2, "conv_alpha": 1.0},
    "fp16, accumulation": {
        "mixed_precision": "fp16",
        "gradient_accumulation_steps": 2,
        "lr_scheduler": "cosine",
        "lr_warmup_steps": 2,
    },
    "fp16, U-Net alone": {"mixed_precision": "fp16", "network_train_unet_only": True},
    "fp16, Adafactor": {"mixed_precision": "fp16", "optimizer_type": "Adafactor", "lr_scheduler": "adafactor"},
    "fp16, Prodigy": {"mixed_precision": "fp16", "optimizer_type": "Prodigy", "learning_rate": 1.0, "unet_lr": 1.0,
                      "text_encoder_lr": 1.0},
}  # fmt: skip

GPU_CASES = {
    "fp16, AdamW8bit": {"mixed_precision": "fp16", "optimizer_type": "AdamW8bit"},
    "bf16, AdamW8bit": {"mixed_precision": "bf16", "optimizer_type": "AdamW8bit"},
    "fp16, xformers": {"mixed_precision": "fp16", "xformers": True, "sdpa": False},
    "bf16, xformers": {"mixed_precision": "bf16", "xformers": True, "sdpa": False},
}
"""What torch cannot run on a CPU."""


def learned(checkpoints: dict[str, bytes]) -> float:
    """Norm of the last checkpoint's ups, which start at zero; every number of the file must be finite."""
    tensors = load(checkpoints["t.safetensors"])
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    return sum(tensor.float().square().sum().item() for name, tensor in tensors.items() if "lora_up" in name) ** 0.5
