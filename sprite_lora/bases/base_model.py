"""The base model: from a diffusers folder or one .safetensors file, never from a hub, never from a pickle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.tokens import ClipTokenizer, load_tokenizer
from sprite_lora.lora.header import read_header

Family = Literal["sd_v1", "sd_v2", "sdxl_base_v1-0"]
"""kohya's `ss_base_model_version` values."""

CONFIGS = Path(__file__).parent / "configs"
"""Configs of the published architectures, for base models of one file: they hold weights alone."""

SD2_WIDTH = 1024
"""Width of SD2's text states; SD1.5 has 768."""

FILE_MARKS: dict[str, Family] = {
    "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight": "sdxl_base_v1-0",
    "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight": "sd_v2",
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": "sd_v1",
}
"""A key that only this family's single files have."""


@dataclass(frozen=True)
class BaseModel:
    """A Stable Diffusion model in parts, frozen: LoRA networks hook into it and never change its weights."""

    family: Family
    tokenizer: ClipTokenizer
    text_encoders: list[Any]
    """One CLIPTextModel; for SDXL also a CLIPTextModelWithProjection."""
    unet: Any
    """UNet2DConditionModel."""
    vae: Any
    """AutoencoderKL, always float32: SDXL's overflows in float16."""
    scheduler: dict[str, Any]
    """The scheduler's config: betas and prediction type."""

    @property
    def is_sdxl(self) -> bool:
        return self.family == "sdxl_base_v1-0"

    @property
    def latent_scale(self) -> float:
        """Factor on the autoencoder's latents: 0.18215 for SD, 0.13025 for SDXL."""
        return float(self.vae.config.scaling_factor)

    def to(self, device: torch.device) -> "BaseModel":
        """Move all parts. Returns itself."""
        for part in (*self.text_encoders, self.unet, self.vae):
            part.to(device)
        return self


def load_base(path: Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> BaseModel:
    """Load a base model for inference or LoRA training: no gradients, evaluation mode.

    `path` is a diffusers folder (unet/, vae/, text_encoder/, tokenizer/, scheduler/) or one .safetensors file in the
    original Stable Diffusion layout. Raises SpriteLoraError for anything else, pickled weights among it.
    """
    if path.is_dir():
        base = _load_folder(path, dtype)
    elif path.is_file():
        base = load_file(path, dtype)
    else:
        raise SpriteLoraError(
            f"{path}: paths.base is not here", "paths.base: a diffusers folder or one .safetensors file"
        )
    for part in (*base.text_encoders, base.unet, base.vae):
        part.requires_grad_(False)
        part.eval()
    return base.to(torch.device(device))


def _load_folder(path: Path, dtype: torch.dtype) -> BaseModel:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    encoders = [_component(CLIPTextModel, path, "text_encoder", dtype)]
    if (path / "text_encoder_2").is_dir():
        encoders.append(_component(CLIPTextModelWithProjection, path, "text_encoder_2", dtype))
    wide = encoders[0].config.hidden_size == SD2_WIDTH
    return BaseModel(
        family="sdxl_base_v1-0" if len(encoders) == 2 else "sd_v2" if wide else "sd_v1",
        tokenizer=load_tokenizer(path),
        text_encoders=encoders,
        unet=_component(UNet2DConditionModel, path, "unet", dtype),
        vae=_component(AutoencoderKL, path, "vae", torch.float32),
        scheduler=_scheduler_config(path / "scheduler"),
    )


def _component(kind: Any, path: Path, name: str, dtype: torch.dtype) -> Any:
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


def _scheduler_config(folder: Path) -> dict[str, Any]:
    from diffusers import DDPMScheduler

    config: dict[str, Any] = dict(DDPMScheduler.from_pretrained(folder, local_files_only=True).config)
    return config


def load_file(path: Path, dtype: torch.dtype, configs: Path = CONFIGS) -> BaseModel:
    """Load one .safetensors file in the original layout; `configs` holds a diffusers folder of configs per family."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import load_file as load_tensors
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    family = file_family(path)
    tensors = load_tensors(path)
    config = configs / family
    encoders = [_text_encoder(CLIPTextModel, tensors, config / "text_encoder", dtype)]
    if family == "sdxl_base_v1-0":
        encoders.append(_text_encoder(CLIPTextModelWithProjection, tensors, config / "text_encoder_2", dtype))
    return BaseModel(
        family=family,
        tokenizer=load_tokenizer(path),
        text_encoders=encoders,
        unet=_convolutional(UNet2DConditionModel, tensors, config, "unet", dtype),
        vae=_convolutional(AutoencoderKL, tensors, config, "vae", torch.float32),
        scheduler=_scheduler_config(config / "scheduler"),
    )


def _convolutional(kind: Any, tensors: dict[str, torch.Tensor], config: Path, name: str, dtype: torch.dtype) -> Any:
    """U-Net or autoencoder out of a single file's tensors. diffusers stumbles in its own words where one is missing."""
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    where = {"config": str(config), "subfolder": name, "local_files_only": True}
    try:
        return kind.from_single_file(tensors, torch_dtype=dtype, **where)
    except (KeyError, NotImplementedError, SingleFileComponentError) as error:
        raise SpriteLoraError(f"the base model lacks weights of its {name}: {error}", "the file is not whole") from None


def file_family(path: Path) -> Family:
    """Which family a single file is of, from its tensor names. Raises SpriteLoraError for other files."""
    if path.suffix != ".safetensors":
        raise SpriteLoraError(
            f"{path}: not a .safetensors file (pickled weights can run any code)", "convert it to safetensors first"
        )
    names = read_header(path).tensors
    for mark, family in FILE_MARKS.items():
        if mark in names:
            return family
    raise SpriteLoraError(
        f"{path}: not a Stable Diffusion 1.x, 2.x or XL base model in the original layout",
        "a LoRA or a single part (unet, vae) is no base model; a diffusers folder is taken whole",
    )


def _text_encoder(kind: Any, tensors: dict[str, torch.Tensor], config: Path, dtype: torch.dtype) -> Any:
    """A text encoder out of a single file's tensors, named as transformers names them.

    SD1's and SDXL's first are stored as transformers has them, SD2's and SDXL's second as OpenCLIP has them.
    """
    from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint, convert_open_clip_checkpoint

    model = kind(kind.config_class.from_pretrained(config, local_files_only=True))
    second = config.name == "text_encoder_2"
    if second or any(name.startswith("cond_stage_model.model.") for name in tensors):
        prefix = "conditioner.embedders.1.model." if second else "cond_stage_model.model."
        named = convert_open_clip_checkpoint(model, tensors, prefix=prefix)
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
