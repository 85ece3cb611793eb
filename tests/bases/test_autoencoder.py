"""paths.vae: every form in which people have autoencoders, and what is none."""

import re
import shutil

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from sprite_lora.bases.autoencoder import external_vae, vae_hash, vae_problem
from sprite_lora.bases.base_model import load_base
from sprite_lora.core.errors import SpriteLoraError


@pytest.fixture(scope="module")
def other(tiny_sd, tmp_path_factory):
    """A folder of an autoencoder of the base's shape with other weights and, as SDXL's has, another factor."""
    with torch.random.fork_rng():
        torch.manual_seed(9)
        config = {**AutoencoderKL.load_config(tiny_sd / "vae"), "scaling_factor": 0.13025}
        vae = AutoencoderKL.from_config(config)
    folder = tmp_path_factory.mktemp("vae") / "other"
    vae.save_pretrained(folder)
    return folder


def original_name(name):
    """diffusers' name of a tensor of the autoencoder in the original layout (four levels)."""
    name = name.replace("encoder.down_blocks.", "encoder.down.")
    up = re.match(r"decoder\.up_blocks\.(\d)\.", name)
    if up:
        name = name.replace(f"decoder.up_blocks.{up[1]}.", f"decoder.up.{3 - int(up[1])}.")
    name = re.sub(r"\.resnets\.", ".block.", name)
    name = name.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    for index in (0, 1):
        name = name.replace(f"mid_block.block.{index}", f"mid.block_{index + 1}")
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
    for ours, theirs in (("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
        name = name.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
    return name


def in_original_layout(folder, path, prefix=""):
    tensors = {}
    for name, tensor in load_file(folder / "diffusion_pytorch_model.safetensors").items():
        new = original_name(name)
        square = "attn_1." in new and new.endswith("weight") and tensor.ndim == 2
        tensors[prefix + new] = (tensor[:, :, None, None] if square else tensor).contiguous()
    save_file(tensors, path)


def folder_itself(other, path):
    return other


def whole_model(other, path):
    shutil.copytree(other, path / "vae")
    return path


def half_precision_alone(other, path):
    AutoencoderKL.from_pretrained(other).half().save_pretrained(path, variant="fp16")
    return path


def file_of_diffusers(other, path):
    file = path / "x.safetensors"
    path.mkdir()
    shutil.copy(other / "diffusion_pytorch_model.safetensors", file)
    return file


def file_with_names_of_2022(other, path):
    """diffusers called the attention's matrices query, key, value, proj_attn then."""
    path.mkdir()
    renamed = {}
    for name, tensor in load_file(other / "diffusion_pytorch_model.safetensors").items():
        for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
        renamed[name] = tensor
    save_file(renamed, path / "x.safetensors", {"format": "pt"})
    return path / "x.safetensors"


def original_file(other, path):
    path.mkdir()
    in_original_layout(other, path / "x.safetensors")
    return path / "x.safetensors"


def original_whole_model(other, path):
    path.mkdir()
    in_original_layout(other, path / "x.safetensors", "first_stage_model.")
    return path / "x.safetensors"


@pytest.mark.parametrize(
    "form",
    [
        folder_itself, whole_model, half_precision_alone, file_of_diffusers, file_with_names_of_2022, original_file,
        original_whole_model,
    ],
)  # fmt: skip
def test_every_form_is_the_same_autoencoder(form, other, tiny_sd, tmp_path, no_network):
    path = form(other, tmp_path / "form")
    assert vae_problem(path) == ""
    base = load_base(tiny_sd, torch.bfloat16, vae=path)
    assert (base.vae.dtype, base.vae.training) == (torch.float32, False)
    assert not any(weight.requires_grad for weight in base.vae.parameters())
    assert base.latent_scale == 0.18215, "the base's own, as in sd-scripts"
    picture = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        expected = AutoencoderKL.from_pretrained(other).encode(picture).latent_dist.mean
        found = base.vae.encode(picture).latent_dist.mean
        own = load_base(tiny_sd).vae.encode(picture).latent_dist.mean
    exact = form is not half_precision_alone
    torch.testing.assert_close(found, expected, rtol=1e-4 if exact else 5e-2, atol=1e-5 if exact else 5e-3)
    assert (found - own).abs().max() > 0.1


def test_empty_folder_is_the_bases_own(tiny_sd, tmp_path):
    (tmp_path / ".gitkeep").touch()
    assert (external_vae(tmp_path), vae_hash(tmp_path), vae_problem(tmp_path)) == (None, None, "")
    base, plain = load_base(tiny_sd, vae=tmp_path), load_base(tiny_sd)
    for name, tensor in plain.vae.state_dict().items():
        assert torch.equal(base.vae.state_dict()[name], tensor)


def test_hash_is_the_autoencoders(other, tmp_path):
    copy = shutil.copytree(other, tmp_path / "copy")
    assert vae_hash(copy) == vae_hash(other)
    tensors = load_file(copy / "diffusion_pytorch_model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, copy / "diffusion_pytorch_model.safetensors")
    assert vae_hash(copy) != vae_hash(other)


def missing(path, other):
    return path / "nothing"


def no_config(path, other):
    (path / "x.txt").touch()
    return path


def pickled(path, other):
    shutil.copy(other / "config.json", path)
    (path / "diffusion_pytorch_model.bin").touch()
    return path


def checkpoint(path, other):
    (path / "vae.ckpt").touch()
    return path / "vae.ckpt"


def no_file(path, other):
    (path / "x.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    return path / "x.safetensors"


def lora(path, other):
    save_file({"lora_unet_x.alpha": torch.zeros(1)}, path / "x.safetensors")
    return path / "x.safetensors"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (missing, "does not exist"),
        (no_config, "without config.json"),
        (pickled, "only pickled weights"),
        (checkpoint, "not a .safetensors file"),
        (no_file, "x.safetensors"),
        (lora, "it holds no autoencoder"),
    ],
)
def test_what_is_none_is_told_from_its_header(wrong, message, other, tiny_sd, tmp_path):
    path = wrong(tmp_path, other)
    assert message in vae_problem(path)
    with pytest.raises(SpriteLoraError, match=r"paths\.vae"):
        load_base(tiny_sd, vae=path)


def lacks(path, other):
    tensors = load_file(other / "diffusion_pytorch_model.safetensors")
    del tensors["quant_conv.weight"]
    save_file(tensors, path / "x.safetensors", {"format": "pt"})
    return path / "x.safetensors"


def original_lacks(path, other):
    in_original_layout(other, path / "x.safetensors")
    tensors = load_file(path / "x.safetensors")
    del tensors["encoder.conv_in.weight"]
    save_file(tensors, path / "x.safetensors")
    return path / "x.safetensors"


def of_another_width(path, other):
    config = {**AutoencoderKL.load_config(other), "block_out_channels": (8, 8, 8, 8)}
    AutoencoderKL.from_config(config).save_pretrained(path)
    return path / "diffusion_pytorch_model.safetensors"


def of_another_depth(path, other):
    config = {
        **AutoencoderKL.load_config(other), "block_out_channels": (8, 8),
        "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2,
    }  # fmt: skip
    AutoencoderKL.from_config(config).save_pretrained(path)
    return path


def of_other_latents(path, other):
    AutoencoderKL.from_config({**AutoencoderKL.load_config(other), "latent_channels": 16}).save_pretrained(path)
    return path


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lacks, "no whole autoencoder"),
        (original_lacks, "no whole autoencoder"),
        (of_another_width, "no whole autoencoder"),
        (of_another_depth, "shrinks pictures otherwise"),
        (of_other_latents, "16 latent channels"),
    ],
)
def test_autoencoder_that_does_not_fit_is_refused(wrong, message, other, tiny_sd, tmp_path):
    with pytest.raises(SpriteLoraError, match=message):
        load_base(tiny_sd, vae=wrong(tmp_path, other))
