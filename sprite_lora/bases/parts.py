"""The parts of a base model, each from its files: safetensors alone, whole or not at all."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from sprite_lora.bases.schedule import unknown_schedule
from sprite_lora.bases.weights import read_object, weight_files
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_json
from sprite_lora.core.header import read_header
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
    """One part of a diffusers folder, from safetensors; a folder that holds half precision alone is taken too.

    The libraries look for much more in a folder: pickles, adapters, lists of files elsewhere. So they get one that
    holds the weights alone, as links, and of the config what the part's class takes.
    """
    folder = path / name
    files = weight_files(folder)
    weights = [file for file in files if file.suffix == ".safetensors"]
    for weight in weights:
        read_header(weight)
    variant = "fp16" if all(".fp16." in weight.name for weight in weights) else None
    content = read_object(folder / "config.json")
    where = {"subfolder": name, "variant": variant, "local_files_only": True, "use_safetensors": True}
    with TemporaryDirectory() as temporary, _in_words(folder):
        view = Path(temporary) / name
        view.mkdir()
        for file in files:
            (view / file.name).symlink_to(file.resolve())
        if hasattr(kind, "config_class"):
            # transformers renamed the argument, diffusers did not.
            own: dict[str, Any] = {"config": kind.config_class(**_taken(kind.config_class, content)), "dtype": dtype}
        else:
            write_json(view / "config.json", _taken(kind, content))
            own = {"torch_dtype": dtype}
        model, report = kind.from_pretrained(temporary, output_loading_info=True, **where, **own)
    require_whole(name, report["missing_keys"])
    return model


@contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    """Raise SpriteLoraError for what the libraries raise where config and weights do not fit each other."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError) as error:
        if "can't allocate memory" in str(error):
            raise
        reason = " ".join(str(error).split())[:300]
        raise SpriteLoraError(f"{folder}: its config.json and its weights make no model: {reason}") from None


def _taken(kind: Any, config: dict[str, Any]) -> dict[str, Any]:
    """What of a config the class names as its arguments: the rest can name other code, or files elsewhere."""
    names = inspect.signature(kind.__init__).parameters
    return {key: value for key, value in config.items() if key in names and key not in ("self", "kwargs")}


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
