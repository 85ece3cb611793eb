"""`paths.vae`: an autoencoder that stands in the place of the base model's own. No torch until it is loaded."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sprite_lora.bases.weights import require_own_folders, weight_files
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.core.record import base_hash
from sprite_lora.core.weight_list import LIST

HINT = "a diffusers autoencoder's folder, a .safetensors file, or an empty folder for the base's own"
LAST = "decoder.conv_out.weight"
"""A tensor of every autoencoder, in the original layout and in diffusers'."""
ORIGINAL = "encoder.down.0.block.0.norm1.weight"
"""A tensor in the original layout alone."""
WEIGHTS = "diffusion_pytorch_model.safetensors"


def external_vae(path: Path) -> Path | None:
    """`paths.vae`; None where it is a folder without files, but hidden ones: the base's own autoencoder is used."""
    if path.is_dir() and not any(not inside.name.startswith(".") for inside in path.iterdir()):
        return None
    return path


def vae_hash(path: Path) -> str | None:
    """Hash of the autoencoder at `paths.vae`; None for the base's own."""
    external = external_vae(path)
    return None if external is None else base_hash(external)


def vae_problem(path: Path, original: bool = False) -> str:
    """Why `paths.vae` can be no autoencoder, by names and headers; empty where nothing shows it.

    `original`: a single file must have the original layout, which is all that sd-scripts reads there.
    """
    if not path.exists():
        return f"paths.vae {path} does not exist"
    external = external_vae(path)
    if external is None:
        return ""
    if external.is_dir():
        if (external / LIST).exists():
            return f"paths.vae {path}: a list of weights stands for a base model alone; name the autoencoder itself"
        folder = vae_folder(external)
        if not (folder / "config.json").is_file():
            return f"paths.vae {path}: a folder without config.json, so no diffusers autoencoder"
        try:
            require_own_folders(external)
            weight_files(folder)
        except SpriteLoraError as error:
            return f"paths.vae: {error.args[0]}"
        return ""
    if external.suffix != ".safetensors":
        return f"paths.vae {path}: not a .safetensors file"
    try:
        names = read_header(external).tensors
    except SpriteLoraError as error:
        return f"paths.vae {path}: {error.args[0]}"
    if not any(name.endswith(LAST) for name in names):
        return f"paths.vae {path}: it holds no autoencoder"
    if original and not any(name.endswith(ORIGINAL) for name in names):
        return f"paths.vae {path}: sd-scripts reads a file in the original layout alone; name its diffusers folder"
    return ""


def load_vae(path: Path, own: Any) -> Any:
    """The autoencoder (AutoencoderKL, float32) at `path`, which must be of the shape of the base's `own`.

    `path`: a diffusers folder, its own or that of a whole model with vae/ in it; or one .safetensors file in diffusers'
    or in the original layout, of the autoencoder alone or of a whole model. As in sd-scripts the factor on latents
    stays the base's: its U-Net was trained with that. Raises SpriteLoraError for anything else.
    """
    problem = vae_problem(path)
    if problem:
        raise SpriteLoraError(problem, HINT)
    try:
        vae = _from_folder(vae_folder(path)) if path.is_dir() else _from_file(path, own)
    except (SpriteLoraError, ValueError, RuntimeError) as error:
        reason = str(error.args[0] if error.args else error).split("\n")[0]
        raise SpriteLoraError(f"paths.vae {path}: no whole autoencoder of the base's shape: {reason}", HINT) from None
    if vae.config.latent_channels != own.config.latent_channels:
        raise SpriteLoraError(
            f"paths.vae {path}: {vae.config.latent_channels} latent channels, unlike the base's", HINT
        )
    if len(vae.config.block_out_channels) != len(own.config.block_out_channels):
        raise SpriteLoraError(f"paths.vae {path}: it shrinks pictures otherwise than the base's own does", HINT)
    vae.register_to_config(scaling_factor=own.config.scaling_factor)
    return vae


def vae_folder(path: Path) -> Path:
    """The autoencoder's own folder: `path`, or vae/ in it."""
    return path / "vae" if (path / "vae").is_dir() else path


def _from_folder(folder: Path) -> Any:
    import torch
    from diffusers import AutoencoderKL

    from sprite_lora.bases import parts

    return parts.from_folder(AutoencoderKL, folder.parent, folder.name, torch.float32)


def _from_file(path: Path, own: Any) -> Any:
    """A file holds no config: it is read with that of the base's own autoencoder."""
    import torch
    from diffusers import AutoencoderKL
    from safetensors.torch import load_file

    from sprite_lora.bases import parts

    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "vae"
        own.save_config(folder)
        if any(name.endswith(ORIGINAL) for name in read_header(path).tensors):
            return parts.from_tensors(AutoencoderKL, load_file(path), Path(temporary), "vae", torch.float32)
        (folder / WEIGHTS).symlink_to(path.absolute())
        return _from_folder(folder)
