"""Modules and bytes of a LoRA, by the public architectures and by files that kohya wrote."""

import json
import struct

import pytest
from places import ROOT, SHARED

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.size import lora_bytes, lora_parameters, lora_targets

MIB = 2**20


def header(path, tensors):
    """A safetensors file of the right size that takes no room: the tensors are a hole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content, offset = {}, 0
    for name, shape in tensors.items():
        size = 2
        for side in shape:
            size *= side
        content[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    raw = json.dumps(content).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + offset)


SD15 = {
    "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2, "cross_attention_dim": 768,
    "attention_head_dim": 8, "sample_size": 64,
}  # fmt: skip
SDXL = {
    "block_out_channels": (320, 640, 1280), "layers_per_block": 2, "cross_attention_dim": 2048,
    "attention_head_dim": (5, 10, 20), "sample_size": 128, "transformer_layers_per_block": (1, 2, 10),
    "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}  # fmt: skip


def text_encoder(width, layers, projection=False):
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers)
    with torch.device("meta"):
        model = (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


def unet(config):
    import torch
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        model = UNet2DConditionModel(**config)
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """SD1.5 and SDXL as diffusers folders, from the public architectures, without weights."""
    folder = tmp_path_factory.mktemp("bases")
    header(folder / "sd15/unet/diffusion_pytorch_model.safetensors", unet(SD15))
    header(folder / "sd15/text_encoder/model.safetensors", text_encoder(768, 12))
    header(folder / "sdxl/unet/diffusion_pytorch_model.fp16.safetensors", unet(SDXL))
    header(folder / "sdxl/text_encoder/model.safetensors", text_encoder(768, 12))
    header(folder / "sdxl/text_encoder_2/model.safetensors", text_encoder(1280, 32, projection=True))
    return folder


@pytest.mark.parametrize(
    ("base", "rank", "mib", "modules"),
    [
        ("sd15", 16, 18.00, 264), ("sd15", 32, 36.00, 264), ("sd15", 64, 72.00, 264),
        ("sdxl", 16, 108.7, 986), ("sdxl", 32, 217.5, 986), ("sdxl", 128, 869.9, 986),
    ],
)  # fmt: skip
def test_public_architectures(bases, base, rank, mib, modules):
    """Modules: SD1.5 192 + 72, SDXL 722 + 264, as sd-scripts prints them; sizes as its files have, fp16."""
    parameters, counted = lora_parameters(lora_targets(bases / base), rank)
    assert counted == modules
    assert lora_bytes(parameters, counted, "fp16") / MIB == pytest.approx(mib, abs=0.05)
    assert lora_bytes(parameters, counted, None) == 2 * lora_bytes(parameters, counted, "fp16")


def test_parts_can_be_left_out(bases):
    targets = lora_targets(bases / "sd15")
    assert lora_parameters(targets, 8, unet_only=True)[1] == 192
    assert lora_parameters(targets, 8, text_encoder_only=True)[1] == 72


def test_single_files_have_the_same_modules(tmp_path, bases):
    """SD1.5 in the original layout: the same shapes under other names, attention blocks beside residual ones."""
    folder = bases / "sd15"
    from sprite_lora.core.header import read_header

    tensors = {}
    for name, tensor in read_header(folder / "unet/diffusion_pytorch_model.safetensors").tensors.items():
        tensors["model.diffusion_model." + original(name)] = tensor["shape"]
    for name, tensor in read_header(folder / "text_encoder/model.safetensors").tensors.items():
        tensors["cond_stage_model.transformer." + name] = tensor["shape"]
    header(tmp_path / "base.safetensors", tensors)
    for conv_dim in (None, 4):
        one = lora_parameters(lora_targets(tmp_path / "base.safetensors"), 32, conv_dim)
        assert one == lora_parameters(lora_targets(folder), 32, conv_dim)


def original(name):
    """Enough of diffusers' own renaming (`convert_ldm_unet_checkpoint`), backwards, for SD1.5."""
    import re

    inner = {
        "conv1": "in_layers.2", "norm1": "in_layers.0", "conv2": "out_layers.3", "norm2": "out_layers.0",
        "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
    }  # fmt: skip
    if match := re.match(r"(down|up)_blocks\.(\d)\.(resnets|attentions)\.(\d)\.(.*)", name):
        side, block, kind, layer, rest = match.groups()
        number = int(block) * 3 + int(layer) + (side == "down")
        if kind == "resnets":
            head, _, tail = rest.partition(".")
            return f"{'in' if side == 'down' else 'out'}put_blocks.{number}.0.{inner[head]}.{tail}"
        return f"{'in' if side == 'down' else 'out'}put_blocks.{number}.1.{rest}"
    if match := re.match(r"down_blocks\.(\d)\.downsamplers\.0\.conv\.(.*)", name):
        return f"input_blocks.{int(match[1]) * 3 + 3}.0.op.{match[2]}"
    if match := re.match(r"up_blocks\.(\d)\.upsamplers\.0\.conv\.(.*)", name):
        return f"output_blocks.{int(match[1]) * 3 + 2}.{1 if match[1] == '0' else 2}.conv.{match[2]}"
    if match := re.match(r"mid_block\.resnets\.(\d)\.(\w+)\.(.*)", name):
        return f"middle_block.{int(match[1]) * 2}.{inner[match[2]]}.{match[3]}"
    if name.startswith("mid_block.attentions.0."):
        return name.replace("mid_block.attentions.0.", "middle_block.1.")
    return {"conv_in": "input_blocks.0.0", "conv_out": "out.2", "conv_norm_out": "out.0"}.get(
        name.rpartition(".")[0], name.replace("time_embedding.linear_1", "time_embed.0").rpartition(".")[0]
    ) + f".{name.rpartition('.')[2]}"


def test_nano_is_what_the_trainer_would_write():
    """The trainer's own network, on the real base."""
    from sprite_lora.bases.base_model import load_base
    from sprite_lora.lora.network import LoRANetwork, ranks_for

    base = load_base(ROOT / "models/nano")
    for dim, conv_dim in ((8, None), (4, 2)):
        network = LoRANetwork(base, ranks_for(base, dim, 1.0, conv_dim, 1.0 if conv_dim else None))
        state = network.state_dict()
        parameters, modules = lora_parameters(lora_targets(ROOT / "models/nano"), dim, conv_dim)
        assert modules == len(network.loras)
        assert lora_bytes(parameters, modules, "fp16") == sum(2 * weight.numel() for weight in state.values())


@pytest.mark.parametrize("content", [{}, {"some.weight": (4, 4)}])
def test_other_files_are_refused(tmp_path, content):
    header(tmp_path / "base.safetensors", content)
    with pytest.raises(SpriteLoraError, match=r"base\.safetensors"):
        lora_targets(tmp_path / "base.safetensors")


def test_pickled_parts_are_refused(tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/diffusion_pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(SpriteLoraError, match="pickled"):
        lora_targets(tmp_path)


@pytest.mark.parametrize(("name", "rank", "precision"), [("sd15_perfect", 1, "fp16"), ("no_save_precision", 2, None)])
def test_files_that_kohya_wrote(bases, name, rank, precision):
    """To the byte: sd-scripts' own files of a base of SD1.5's size."""
    from sprite_lora.core.header import read_header

    path = SHARED / f"kohya/{name}.safetensors"
    if not path.is_file():
        pytest.skip("../shared/kohya does not exist")
    header = read_header(path)
    assert (
        lora_bytes(*lora_parameters(lora_targets(bases / "sd15"), rank), precision) == header.size - header.data_start
    )
