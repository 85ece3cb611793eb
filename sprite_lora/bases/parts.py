"""The parts of a base model, each from its files: safetensors alone, whole or not at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sprite_lora.bases.schedule import unknown_schedule
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.tokens import ClipTokenizer


@dataclass(frozen=True)
class Parts:
    """A Stable Diffusion model's parts, as a family loads them."""

    tokenizer: ClipTokenizer
    text_encoders: list[Any]
    """As `Family.text_encoders` names them."""
    unet: Any
    """UNet2DConditionModel."""
    vae: Any
    """AutoencoderKL, always float32: SDXL's overflows in float16."""
    scheduler: dict[str, Any]
    """The scheduler's config: betas and prediction type."""


def from_folder(kind: Any, path: Path, name: str, dtype: torch.dtype) -> Any:
    """One part of a diffusers folder, from safetensors; a folder that holds half precision alone is taken too."""
    folder = path / name
    weights = sorted(file.name for file in folder.glob("*.safetensors"))
    if not weights:
        pickles = [file.name for file in folder.glob("*") if file.suffix in (".bin", ".ckpt", ".pt", ".pth")]
        found = (
            f"only pickled weights ({', '.join(sorted(pickles))}), which can run any code" if pickles else "no weights"
        )
        raise SpriteLoraError(
            f"{folder}: {found}", "paths.base needs .safetensors: save the model with safe_serialization=True"
        )
    variant = "fp16" if all(".fp16." in weight for weight in weights) else None
    # transformers renamed the argument, diffusers did not.
    precision = {"dtype": dtype} if name.startswith("text_encoder") else {"torch_dtype": dtype}
    where = {"subfolder": name, "variant": variant, "local_files_only": True, "use_safetensors": True}
    model, report = kind.from_pretrained(path, output_loading_info=True, **where, **precision)
    require_whole(name, report["missing_keys"])
    return model


def scheduler_config(folder: Path) -> dict[str, Any]:
    """A scheduler's config: betas and prediction type. Raises SpriteLoraError for a noise schedule of another kind."""
    from diffusers import DDPMScheduler

    written = DDPMScheduler.load_config(folder, local_files_only=True)
    if written.get("beta_schedule") is None and written.get("trained_betas") is None:
        raise unknown_schedule(written)  # diffusers would take its own default
    try:
        config: dict[str, Any] = dict(DDPMScheduler.from_config(written).config)
    except NotImplementedError:
        raise unknown_schedule(written) from None
    return config


def from_tensors(kind: Any, tensors: dict[str, Tensor], config: Path, name: str, dtype: torch.dtype) -> Any:
    """U-Net or autoencoder out of a single file's tensors. diffusers stumbles in its own words where one is missing."""
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    where = {"config": str(config), "subfolder": name, "local_files_only": True}
    try:
        return kind.from_single_file(tensors, torch_dtype=dtype, **where)
    except (KeyError, NotImplementedError, SingleFileComponentError) as error:
        raise SpriteLoraError(f"the base model lacks weights of its {name}: {error}", "the file is not whole") from None


def text_encoder(kind: Any, tensors: dict[str, Tensor], config: Path, dtype: torch.dtype, open_clip: str | None) -> Any:
    """A text encoder out of a single file's tensors, named as transformers names them.

    `open_clip`: how its tensors' names begin where the file has them as OpenCLIP does; None where as transformers does.
    """
    from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint, convert_open_clip_checkpoint

    model = kind(kind.config_class.from_pretrained(config, local_files_only=True))
    if open_clip is not None:
        named = convert_open_clip_checkpoint(model, tensors, prefix=open_clip)
    else:
        named = convert_ldm_clip_checkpoint(tensors)
    report = model.load_state_dict(named, strict=False)
    require_whole(config.name, report.missing_keys)
    return model.to(dtype)


def require_whole(part: str, missing: list[str]) -> None:
    """Raise SpriteLoraError where weights are missing; the libraries would draw them at random, or leave them out."""
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SpriteLoraError(f"the base model lacks weights of its {part}: {missing[0]}{more}", "it is not whole")
