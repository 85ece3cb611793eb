"""What a safetensors file that is no adapter holds, by names and shapes: a base model or a part of one."""

from collections.abc import Mapping
from dataclasses import dataclass

from sprite_lora.bases.registry import UNKNOWN, families, family_of_width
from sprite_lora.core.header import Tensor


@dataclass(frozen=True)
class Model:
    """A model file as its header shows it."""

    kind: str
    """base model, U-Net, VAE, text encoder, ControlNet, embedding, upscaler, or unknown."""
    family: str
    """kohya's word for the base, or `unknown`."""
    basis: str
    """What in the names and shapes says so."""
    notes: tuple[str, ...] = ()


CROSS_ATTENTION = (
    "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight",
    "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight",
    "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
)
"""One cross-attention key, at 640 channels, that every U-Net of SD 1.x, 2.x and SDXL has, in each layout's name."""

FIRST_CONVOLUTION = ("model.diffusion_model.input_blocks.0.0.weight", "conv_in.weight", "unet.conv_in.weight")

OTHERS = (
    ("double_blocks.", "Flux.1 or a model built like it"),
    ("single_transformer_blocks.", "Flux.1 or a model built like it"),
    ("joint_blocks.", "Stable Diffusion 3 or a model built like it"),
    ("cap_embedder.", "Lumina or a model built like it"),
    ("caption_projection.", "PixArt or a model built like it"),
)


def describe_model(tensors: Mapping[str, Tensor]) -> Model:
    """The kind and family of a file that `lora_layout.read_modules` finds no adapter in."""
    names = list(tensors)

    def some(*marks: str) -> bool:
        return any(mark in name for mark in marks for name in names)

    cross = next((name for name in CROSS_ATTENTION if name in tensors), None)
    if some("control_model.", "controlnet_down_blocks.", "controlnet_cond_embedding."):
        return Model("ControlNet", _family(tensors, cross), "it has a control branch")
    if cross is not None:
        prefixes = ("text_encoder", *(family.file_text for family in families()))
        text = [name for name in names if name.startswith(prefixes)]
        kind = "base model" if text else "U-Net"
        width = tensors[cross]["shape"][-1]
        basis = f"its cross-attention reads text of width {width}"
        return Model(kind, _family(tensors, cross), basis, _notes(tensors, width))
    for mark, what in OTHERS:
        if some(mark):
            return Model("base model", UNKNOWN, f"block names of {what}")
    if some("encoder.down_blocks.", "encoder.down.0.block.", "first_stage_model."):
        return Model("VAE", UNKNOWN, "an image encoder and decoder, no U-Net")
    if some("text_model.encoder.layers.", "transformer.resblocks.", "encoder.block.0.layer.0"):
        embedded = next((t["shape"][-1] for name, t in tensors.items() if "token_embedding.weight" in name), None)
        return Model("text encoder", UNKNOWN, f"a text encoder of width {embedded}" if embedded else "a text encoder")
    if len(names) <= 4 and some("emb_params", "clip_l", "clip_g", "string_to_param", "<"):
        return Model("embedding", UNKNOWN, "a textual inversion: vectors for a word, no weights")
    return Model("unknown", UNKNOWN, "no tensor name that is known here")


def _family(tensors: Mapping[str, Tensor], cross: str | None) -> str:
    shape = tensors[cross]["shape"] if cross else []
    return family_of_width(shape[-1]) if shape else UNKNOWN


def _notes(tensors: Mapping[str, Tensor], width: int) -> tuple[str, ...]:
    notes = []
    first = next((tensors[name]["shape"] for name in FIRST_CONVOLUTION if name in tensors), [])
    if len(first) == 4 and first[1] == 9:
        notes.append("inpainting: its first convolution reads 9 channels")
    elif len(first) == 4 and first[1] not in (4, 9):
        notes.append(f"its first convolution reads {first[1]} channels")
    if any(family.either_prediction for family in families() if family.text_width == width):
        notes.append("whether it predicts noise or velocity, a header does not show")
    if "v_pred" in tensors:
        notes.append("marked as predicting velocity" + (" with zero terminal SNR" if "ztsnr" in tensors else ""))
    return tuple(notes)
