import json
import shutil

import pytest
import torch
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file

from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.family import CONFIGS
from sprite_lora.bases.registry import family_of, load_family
from sprite_lora.core.errors import SpriteLoraError

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
TOP = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}  # fmt: skip
OPEN_CLIP = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


def original_unet(tensors, levels):
    """diffusers' names to those of the original single files."""
    named = {}
    for path, tensor in tensors.items():
        for new, old in TOP.items():
            if path.startswith(f"{new}."):
                named[path.replace(new, old)] = tensor
        parts = path.split(".")
        if parts[0] in ("down_blocks", "up_blocks"):
            level, kind, index, rest = int(parts[1]), parts[2], int(parts[3]), ".".join(parts[4:])
            down = parts[0] == "down_blocks"
            with_attention = any(name.startswith(f"{parts[0]}.{level}.attentions") for name in tensors)
            if kind == "resnets":
                rest = ".".join([RESNET[parts[4]], *parts[5:]])
                place = f"input_blocks.{1 + 3 * level + index}.0" if down else f"output_blocks.{3 * level + index}.0"
            elif kind == "attentions":
                place = f"input_blocks.{1 + 3 * level + index}.1" if down else f"output_blocks.{3 * level + index}.1"
            elif down:
                place, rest = f"input_blocks.{3 * level + 3}.0", f"op.{parts[-1]}"
            else:
                place = f"output_blocks.{3 * level + 2}.{2 if with_attention else 1}"
            named[f"{place}.{rest}"] = tensor
        if parts[0] == "mid_block":
            if parts[1] == "resnets":
                named[".".join([f"middle_block.{2 * int(parts[2])}", RESNET[parts[3]], *parts[4:]])] = tensor
            else:
                named[".".join(["middle_block.1", *parts[3:]])] = tensor
    return {f"model.diffusion_model.{name}": tensor for name, tensor in named.items()}


def original_vae(tensors, levels=4):
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    named = {}
    for path, tensor in tensors.items():
        for new, old in (
            ("down_blocks.", "down."), ("mid_block.resnets.0", "mid.block_1"), ("mid_block.resnets.1", "mid.block_2"),
            ("mid_block.attentions.0", "mid.attn_1"), (".resnets.", ".block."), ("conv_shortcut", "nin_shortcut"),
            ("downsamplers.0", "downsample"), ("upsamplers.0", "upsample"), ("conv_norm_out", "norm_out"),
        ):  # fmt: skip
            path = path.replace(new, old)
        for level in range(levels):
            path = path.replace(f"up_blocks.{level}.", f"up.{levels - 1 - level}.")
        if "attn_1" in path:
            for new, old in attention.items():
                path = path.replace(f"attn_1.{new}", f"attn_1.{old}")
            if tensor.dim() == 2:
                tensor = tensor[:, :, None, None]
        named[f"first_stage_model.{path}"] = tensor
    return named


def open_clip(tensors, prefix):
    """transformers' text encoder as OpenCLIP stores it: query, key and value in one matrix."""
    named = {
        f"{prefix}token_embedding.weight": tensors["text_model.embeddings.token_embedding.weight"],
        f"{prefix}positional_embedding": tensors["text_model.embeddings.position_embedding.weight"],
        f"{prefix}ln_final.weight": tensors["text_model.final_layer_norm.weight"],
        f"{prefix}ln_final.bias": tensors["text_model.final_layer_norm.bias"],
    }
    if "text_projection.weight" in tensors:
        named[f"{prefix}text_projection"] = tensors["text_projection.weight"].T
    for layer in range(3):
        own, theirs = f"text_model.encoder.layers.{layer}.", f"{prefix}transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            parts = [tensors[f"{own}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            named[f"{theirs}attn.in_proj_{kind}"] = torch.cat(parts)
            for new, old in OPEN_CLIP.items():
                named[f"{theirs}{old}.{kind}"] = tensors[f"{own}{new}.{kind}"]
    return named


def weights(folder, part):
    return load_tensors(next((folder / part).glob("*.safetensors")))


def single_file(folder, path):
    """A diffusers folder's weights as one file in the original layout."""
    named = {**original_unet(weights(folder, "unet"), 3), **original_vae(weights(folder, "vae"))}
    text = weights(folder, "text_encoder")
    if (folder / "text_encoder_2").exists():
        named |= {f"conditioner.embedders.0.transformer.{name}": tensor for name, tensor in text.items()}
        named |= open_clip(weights(folder, "text_encoder_2"), "conditioner.embedders.1.model.")
    else:
        named |= {f"cond_stage_model.transformer.{name}": tensor for name, tensor in text.items()}
    save_file({name: tensor.contiguous() for name, tensor in named.items()}, path)
    return path


def configs(folder, family, target):
    """The configs of a diffusers folder, where `load_file` looks for a family's."""
    for file in folder.rglob("*config.json"):
        if "tokenizer" not in file.parent.name:
            (target / family / file.parent.name).mkdir(parents=True)
            shutil.copy(file, target / family / file.parent.name)
    return target


def same_weights(one, two):
    for own, other in zip(
        (*one.text_encoders, one.unet, one.vae), (*two.text_encoders, two.unet, two.vae), strict=True
    ):
        theirs = other.state_dict()
        for name, tensor in own.state_dict().items():
            assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize(
    ("fixture", "family", "encoders", "scale"),
    [("tiny_sd", "sd_v1", 1, 0.18215), ("tiny_sdxl", "sdxl_base_v1-0", 2, 0.13025)],
)
def test_folder(fixture, family, encoders, scale, request, no_network):
    base = load_base(request.getfixturevalue(fixture))
    assert base.family.name == family
    assert len(base.text_encoders) == encoders
    assert base.latent_scale == scale
    assert base.scheduler["beta_end"] == 0.012
    assert base.tokenizer.token_ids("cat") == [2368]
    parts = (*base.text_encoders, base.unet, base.vae)
    assert not any(part.training for part in parts)
    assert not any(weight.requires_grad for part in parts for weight in part.parameters())


@pytest.mark.parametrize(("fixture", "family"), [("tiny_sd", "sd_v1"), ("tiny_sdxl", "sdxl_base_v1-0")])
def test_single_file_is_the_folder_it_was_made_from(fixture, family, request, tmp_path, no_network):
    folder = request.getfixturevalue(fixture)
    path = single_file(folder, tmp_path / "base.safetensors")
    assert family_of(path).name == family
    base = load_family(family).load_file(path, torch.float32, configs(folder, family, tmp_path / "configs"))
    assert base.tokenizer.token_ids("cat") == [2368]
    same_weights(base, load_base(folder))


def test_carried_configs_are_the_published_architectures():
    """Known from the published weights: U-Net 860 and 2567 million, text encoders 123 and 695 million parameters."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    def size(family, kind, part):
        with torch.device("meta"):
            if part.startswith("text"):
                model = kind(CLIPTextConfig.from_pretrained(CONFIGS / family / part))
            else:
                model = kind.from_config(json.loads((CONFIGS / family / part / "config.json").read_text()))
        return sum(weight.numel() for weight in model.parameters())

    assert size("sd_v1", UNet2DConditionModel, "unet") == 859_520_964
    assert size("sd_v2", UNet2DConditionModel, "unet") == 865_910_724
    assert size("sdxl_base_v1-0", UNet2DConditionModel, "unet") == 2_567_463_684
    assert size("sd_v1", AutoencoderKL, "vae") == 83_653_863
    assert size("sd_v1", CLIPTextModel, "text_encoder") == 123_060_480
    assert size("sd_v2", CLIPTextModel, "text_encoder") == 340_387_840
    assert size("sdxl_base_v1-0", CLIPTextModelWithProjection, "text_encoder_2") == 694_659_840


def test_half_precision_folder_is_taken_and_the_autoencoder_stays_float32(tiny_sd, tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(tiny_sd, folder)
    for file in folder.rglob("*.safetensors"):
        half = {name: tensor.half() for name, tensor in load_tensors(file).items()}
        save_file(half, file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")), {"format": "pt"})
        file.unlink()
    base = load_base(folder, torch.bfloat16)
    assert base.unet.dtype == base.text_encoders[0].dtype == torch.bfloat16
    assert base.vae.dtype == torch.float32


def test_pickled_weights_are_refused(tiny_sd, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_sd, folder)
    weights_file = next((folder / "unet").glob("*.safetensors"))
    weights_file.rename(folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(SpriteLoraError, match=r"unet: only pickled weights \(diffusion_pytorch_model.bin\)"):
        load_base(folder)
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x02")
    with pytest.raises(SpriteLoraError, match=r"model.ckpt: not a .safetensors file"):
        load_base(tmp_path / "model.ckpt")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(SpriteLoraError, match="does not exist"):
        load_base(tmp_path / "nothing")
    save_file({"lora_unet_x.alpha": torch.zeros(1)}, tmp_path / "lora.safetensors")
    with pytest.raises(SpriteLoraError, match=r"not a base model of SD1\.5, SD2 or SDXL"):
        load_base(tmp_path / "lora.safetensors")
    (tmp_path / "folder" / "unet").mkdir(parents=True)
    with pytest.raises(SpriteLoraError, match="it holds no text_encoder/"):
        load_base(tmp_path / "folder")
    (tmp_path / "folder" / "text_encoder").mkdir()
    with pytest.raises(SpriteLoraError, match="no weights"):
        load_base(tmp_path / "folder")
    for name in ("text_encoder_2", "text_encoder_3"):
        (tmp_path / "folder" / name).mkdir()
    with pytest.raises(SpriteLoraError, match="it holds text_encoder/, text_encoder_2/, text_encoder_3/"):
        load_base(tmp_path / "folder")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("text_encoder", "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight"),
        ("unet", "model.diffusion_model.out.2.weight"),
        ("vae", "first_stage_model.encoder.conv_in.weight"),
    ],
)
def test_file_that_lacks_weights_is_refused(tiny_sd, tmp_path, part, name):
    path = single_file(tiny_sd, tmp_path / "base.safetensors")
    tensors = load_tensors(path)
    del tensors[name]
    save_file(tensors, path)
    with pytest.raises(SpriteLoraError, match=f"lacks weights of its {part}: "):
        load_family("sd_v1").load_file(path, torch.float32, configs(tiny_sd, "sd_v1", tmp_path / "configs"))


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
def test_folder_that_lacks_weights_is_refused(tiny_sd, tmp_path, part):
    folder = tmp_path / "base"
    shutil.copytree(tiny_sd, folder)
    file = next((folder / part).glob("*.safetensors"))
    tensors = load_tensors(file)
    del tensors[sorted(tensors)[0]]
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(SpriteLoraError, match=f"lacks weights of its {part}: "):
        load_base(folder)
