"""How large a LoRA of a base model will be, from the shapes in the base's headers: no weight is read.

The modules are those that kohya's `networks.lora` adapts: Linear and 1x1 convolutions of the U-Net's
Transformer2DModel, with conv_dim also all of its ResnetBlock2D, Downsample2D and Upsample2D, and the text encoders'
attention and MLP.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sprite_lora.bases.registry import families
from sprite_lora.bases.weights import model_path, weight_files, weight_header
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.precision import precision

Part = Literal["unet", "unet_conv", "text_encoder"]

_TEXT = re.compile(r"encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])\.weight$")
_OPEN_CLIP = re.compile(
    r"transformer\.resblocks\.\d+\.(attn\.(in_proj_weight|out_proj\.weight)|mlp\.c_(fc|proj)\.weight)$"
)
_CONVOLUTIONS = re.compile(
    r"(resnets\.\d+\.(conv1|conv2|conv_shortcut|time_emb_proj)|(down|up)samplers\.\d+\.conv"
    r"|(in_layers|out_layers|emb_layers)\.\d+|skip_connection|(input|output)_blocks\.\d+\.\d+\.(op|conv))\.weight$"
)
_BLOCK = re.compile(r"(.+?)\.transformer_blocks\.")
_FILE_UNET = "model.diffusion_model."


@dataclass(frozen=True)
class Target:
    """One module that a LoRA adapts."""

    part: Part
    inputs: int
    outputs: int
    kernel: int
    """Pixels of its kernel: 1 for Linear and 1x1, 9 for 3x3."""


def lora_targets(base: Path) -> list[Target]:
    """Every module of a base model that a LoRA can adapt. Raises SpriteLoraError for unsound files."""
    base = model_path(base)
    if base.is_dir():
        unet = weight_shapes(base / "unet")
        text: dict[str, list[int]] = {}
        for folder in sorted(path for path in base.glob("text_encoder*") if path.is_dir()):
            text |= {f"{folder.name}.{name}": shape for name, shape in weight_shapes(folder).items()}
    else:
        shapes = {name: tensor["shape"] for name, tensor in weight_header(base).tensors.items()}
        unet = {name: shape for name, shape in shapes.items() if name.startswith(_FILE_UNET)}
        prefixes = tuple(family.file_text for family in families())
        text = {name: shape for name, shape in shapes.items() if name.startswith(prefixes)}
    targets = [*_unet_targets(unet), *_text_targets(text)]
    if not {target.part for target in targets} >= {"unet", "text_encoder"}:
        raise SpriteLoraError(f"{base}: no U-Net with attention and text encoder of Stable Diffusion in it")
    return targets


def lora_parameters(
    targets: list[Target],
    dim: int,
    conv_dim: int | None = None,
    unet_only: bool = False,
    text_encoder_only: bool = False,
) -> tuple[int, int]:
    """Numbers in a LoRA of rank `dim` (rank `conv_dim` for 3x3 convolutions), and its modules."""
    parameters = modules = 0
    for target in targets:
        if unet_only if target.part == "text_encoder" else text_encoder_only:
            continue
        if target.part == "unet_conv" and not conv_dim:
            continue
        rank = conv_dim if target.kernel > 1 and conv_dim else dim
        parameters += rank * (target.inputs * target.kernel + target.outputs)
        modules += 1
    return parameters, modules


def lora_bytes(parameters: int, modules: int, save_precision: str | None) -> int:
    """Bytes of a checkpoint's tensors: the weights and one alpha a module. The header comes on top, 0.1 to 0.3 MB.

    `save_precision` None keeps fp32, as kohya does.
    """
    return (parameters + modules) * precision(save_precision).bytes


def weight_shapes(folder: Path) -> dict[str, list[int]]:
    """Shape of each tensor in a part's folder, by name. Raises SpriteLoraError for unsound files, and where is none."""
    files = [path for path in weight_files(folder) if path.suffix == ".safetensors"]
    return {name: tensor["shape"] for file in files for name, tensor in weight_header(file).tensors.items()}


def _unet_targets(shapes: dict[str, list[int]]) -> list[Target]:
    blocks = tuple({f"{match[1]}." for name in shapes if (match := _BLOCK.match(name))})
    targets = []
    for name, shape in shapes.items():
        inside = name.startswith(blocks) if blocks else False
        if name.endswith(".weight") and inside and len(shape) > 1:
            targets.append(_target("unet", shape))
        elif not inside and _CONVOLUTIONS.search(name) and len(shape) > 1:
            targets.append(_target("unet_conv", shape))
    return targets


def _text_targets(shapes: dict[str, list[int]]) -> list[Target]:
    targets = []
    for name, shape in shapes.items():
        if _TEXT.search(name):
            targets.append(_target("text_encoder", shape))
        elif _OPEN_CLIP.search(name):
            # OpenCLIP keeps query, key and value in one matrix; transformers, and so kohya, has three.
            split = 3 if name.endswith("in_proj_weight") else 1
            targets += [_target("text_encoder", [shape[0] // split, shape[1]])] * split
    return targets


def _target(part: Part, shape: list[int]) -> Target:
    outputs, inputs, *kernel = shape
    side = kernel[0] * kernel[1] if kernel else 1
    return Target(part, inputs, outputs, side)
