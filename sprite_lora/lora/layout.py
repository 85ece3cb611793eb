"""What an adapter's tensors say it is: which algorithm, which modules of which base family, which rank.

Names and shapes alone are asked, so that a file's metadata can be held against them. Read are the layouts of kohya
sd-scripts (networks/lora.py, oft.py), LyCORIS (lycoris/modules/*.py `weight_list`), diffusers before and after PEFT,
PEFT itself, and cloneofsimo/lora.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from sprite_lora.bases.registry import families, family_of_width
from sprite_lora.core.header import Tensor

PARTS = {
    "lora_down.weight": "down", "lora_up.weight": "up", "lora_mid.weight": "mid",
    "lora_A.weight": "down", "lora_B.weight": "up", "lora_A": "down", "lora_B": "up",
    "lora.down.weight": "down", "lora.up.weight": "up",
    "lora_linear_layer.down.weight": "down", "lora_linear_layer.up.weight": "up",
    "lora_conv2d_layer.down.weight": "down", "lora_conv2d_layer.up.weight": "up",
    "alpha": "alpha", "lora.alpha": "alpha", "network_alpha": "alpha", "scalar": "scalar",
    "dora_scale": "dora", "lora_magnitude_vector": "dora", "lora_magnitude_vector.weight": "dora",
    "hada_w1_a": "w1_a", "hada_w1_b": "w1_b", "hada_w2_a": "w2_a", "hada_w2_b": "w2_b",
    "hada_t1": "t1", "hada_t2": "t2", "lokr_w1": "k1", "lokr_w1_a": "k1_a", "lokr_w1_b": "k1_b", "lokr_w2": "k2",
    "lokr_w2_a": "k2_a", "lokr_w2_b": "k2_b", "lokr_t1": "kt1", "lokr_t2": "kt2",
    "on_input": "on_input", "diff": "diff", "diff_b": "diff_b",
    "a1.weight": "glora_a1", "a2.weight": "glora_a2", "b1.weight": "glora_b1", "b2.weight": "glora_b2",
    "bm.weight": "glora_bm", "oft_blocks": "oft", "oft_diag": "oft", "oft_R.weight": "oft", "rescale": "rescale",
    "w_norm": "norm", "b_norm": "norm_b",
}  # fmt: skip
"""The end of a tensor's name to the part that it plays in its module."""

ALGORITHMS = {
    "down": "LoRA", "up": "LoRA", "w1_b": "LoHa", "k1": "LoKr", "k1_a": "LoKr", "glora_a1": "GLoRA",
    "on_input": "IA3", "oft": "OFT", "diff": "full difference", "diff_b": "full difference", "norm": "norm difference",
}  # fmt: skip
"""The first of these parts that a module has names its algorithm."""

COMPONENTS = (
    (("lora_te3_", "text_encoder_3_", "text_encoders_t5"), "text encoder 3"),
    (("lora_te2_", "text_encoder_2_", "text_encoders_clip_g_"), "text encoder 2"),
    (("lora_te1_", "lora_te_", "text_encoder_", "text_encoders_", "text_model_"), "text encoder 1"),
    (("lora_unet_double_", "lora_unet_single_", "lora_unet_joint_", "lora_transformer_"), "transformer"),
    (("transformer_", "diffusion_model_double_", "diffusion_model_single_", "diffusion_model_joint_"), "transformer"),
    (("double_", "single_", "joint_"), "transformer"),
    (("lora_unet_", "oft_unet_", "lycoris_", "unet_", "diffusion_model_", "model_diffusion_model_"), "unet"),
    (("down_blocks_", "mid_block_", "up_blocks_", "input_blocks_", "middle_block_", "output_blocks_"), "unet"),
    (("conv_in", "conv_out", "time_embed"), "unet"),
)  # fmt: skip
"""How a module's name begins, points and colons read as underscores."""

KINDS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"(?:^|_)attn2_", "cross-attention"),
        (r"(?:^|_)attn1_", "self-attention"),
        (r"(?:^|_)(?:ff|mlp|img_mlp|txt_mlp)_", "feed-forward"),
        (r"(?:^|_)proj_(?:in|out)$", "projections"),
        (r"time_emb|emb_layers|label_emb|add_embedding", "embeddings"),
        (r"resnets_|(?:in|out)_layers|skip_connection|samplers_|conv_(?:in|out)$", "convolutions"),
        (r"_op$|_conv$|blocks_0_0$|_out_2$", "convolutions"),
        (r"attn", "attention"),
    )
)  # fmt: skip
"""The first pattern found in a module's name says what kind it is."""

_PART = re.compile(
    r"(.+?)(?:\.|_(?=lora\.))(" + "|".join(re.escape(p) for p in sorted(PARTS, key=len, reverse=True)) + ")"
)
_INDEXED = re.compile(r"((?:unet|text_encoder)(?::\d+)+):(up|down)")
_ADAPTER_NAME = re.compile(r"\.(lora_[AB]|lora_magnitude_vector)\.(?!weight$)\w+(?=\.weight$|$)")


@dataclass(frozen=True)
class Module:
    """One adapted module of the base model."""

    name: str
    component: str
    """unet, text encoder 1 (2, 3), transformer, or unknown."""
    kind: str
    algorithm: str
    rank: int | None
    """None where the algorithm keeps whole matrices or has no rank."""
    inputs: int | None
    """Input features or channels of the base's module, where the shapes give them."""
    outputs: int | None
    parameters: int
    dtypes: tuple[str, ...]
    """Of its weights; the alpha's does not count."""
    alpha: str | None
    """Name of its alpha tensor."""
    dora: bool
    convolution: bool
    """Whether the base's module has a kernel larger than 1x1."""


@lru_cache(maxsize=65536)
def split_name(name: str) -> tuple[str, str] | None:
    """(module, part) of an adapter tensor's name; None for a tensor that belongs to no adapter."""
    if match := _PART.fullmatch(_ADAPTER_NAME.sub(r".\1", name)):
        return match[1], PARTS[match[2]]
    if match := _INDEXED.fullmatch(name):
        return match[1], match[2]
    return None


@lru_cache(maxsize=65536)
def place(module: str) -> tuple[str, str]:
    """(component, kind) of an adapted module by its name, in words."""
    name = module.removeprefix("base_model.model.").replace(".", "_").replace(":", "_")
    component = next((what for marks, what in COMPONENTS if name.startswith(marks)), "unknown")
    kind = next((what for pattern, what in KINDS if pattern.search(name)), "other")
    return component, kind


def read_modules(tensors: Mapping[str, Tensor]) -> tuple[list[Module], list[str]]:
    """The adapted modules in the file's order, and the names of the tensors that belong to none."""
    parts: dict[str, dict[str, str]] = {}
    others = []
    for name in tensors:
        split = split_name(name)
        if split is None:
            others.append(name)
        else:
            parts.setdefault(split[0], {})[split[1]] = name
    for name in [name for name in others if name.endswith(".weight")]:
        owner = parts.get(name.removesuffix(".weight"), {})
        if "on_input" in owner:
            owner["weight"] = name
            others.remove(name)
    alone = {module for module, names in parts.items() if not ALGORITHMS.keys() & names.keys()}
    others.extend(name for module in alone for name in parts[module].values())
    return [_module(name, names, tensors) for name, names in parts.items() if name not in alone], others


def _module(name: str, names: dict[str, str], tensors: Mapping[str, Tensor]) -> Module:
    shapes = {part: tensors[tensor]["shape"] for part, tensor in names.items()}
    component, kind = place(name)
    weights = [tensors[tensor] for part, tensor in names.items() if part not in ("alpha", "on_input", "scalar")]
    rank, inputs, outputs = _sizes(shapes)
    return Module(
        name=name,
        component=component,
        kind=kind,
        algorithm=next(ALGORITHMS[part] for part in ALGORITHMS if part in names),
        rank=rank,
        inputs=inputs,
        outputs=outputs,
        parameters=sum(prod(weight["shape"]) for weight in weights),
        dtypes=tuple(sorted({weight["dtype"] for weight in weights})),
        alpha=names.get("alpha"),
        dora="dora" in names,
        convolution=any(shape[2:] not in ([], [1, 1]) for part, shape in shapes.items() if part not in ("dora", "oft")),
    )


def _sizes(shapes: dict[str, list[int]]) -> tuple[int | None, int | None, int | None]:
    """(rank, inputs, outputs) of a module; None for each that its shapes do not give.

    LoRA keeps down [rank, in] and up [out, rank]; LoHa w1_a [out, rank] and w1_b [rank, in], the former turned round
    where it is Tucker-decomposed; LoKr a Kronecker product of w1 and w2, each whole or as a product of two.
    """

    def side(part: str, axis: int) -> int | None:
        shape = shapes.get(part, [])
        return shape[axis] if axis < len(shape) else None

    def times(one: int | None, other: int | None) -> int | None:
        return None if one is None or other is None else one * other

    if "down" in shapes or "up" in shapes:
        return side("down", 0) or side("up", 1), side("down", 1), side("up", 0)
    if "w1_b" in shapes:
        return side("w1_b", 0), side("w1_b", 1), side("w1_a", 1 if "t1" in shapes else 0)
    if "k1" in shapes or "k1_a" in shapes:
        rank = side("k2_b", 0) or side("k1_b", 0)
        inputs = times(side("k1", 1) or side("k1_b", 1), side("k2", 1) or side("k2_b", 1))
        return (
            rank,
            inputs,
            times(side("k1", 0) or side("k1_a", 0), side("k2", 0) or side("k2_a", 1 if "kt2" in shapes else 0)),
        )
    if "glora_a1" in shapes:
        return side("glora_a2", 0), side("glora_b2", 1), side("glora_b1", 0)
    if "diff" in shapes:
        return None, side("diff", 1), side("diff", 0)
    return None, None, None


def family(modules: Iterable[Module]) -> tuple[str, str]:
    """(base family in kohya's words or `unknown`, what in the shapes and names says so)."""
    modules = list(modules)
    names = " ".join(module.name.replace(".", "_") for module in modules)
    for marks, what in TRANSFORMERS:
        if any(mark in names for mark in marks):
            return "unknown", f"block names of {what}, no U-Net of Stable Diffusion"
    widths = {
        module.inputs
        for module in modules
        if module.inputs and (module.kind == "cross-attention" and re.search(r"to_[kv](?:_lora)?$", module.name))
    }
    if not widths:
        # cloneofsimo's layout numbers its modules: a key or value projection is the one that reads a text's width.
        read = {one.text_width for one in families()}
        widths = {m.inputs for m in modules if ":" in m.name and m.inputs in read and m.outputs in (320, 640)}
    if len(widths) == 1 and (width := widths.pop()) is not None:
        return family_of_width(width), f"its cross-attention reads text of width {width}"
    if len(widths) > 1:
        return (
            "unknown",
            f"its cross-attention reads texts of widths {', '.join(map(str, sorted(filter(None, widths))))}",
        )
    return _family_without_cross_attention(modules, names)


TRANSFORMERS = (
    (("double_blocks_", "single_transformer_blocks_", "single_blocks_"), "Flux.1 or a model built like it"),
    (("joint_blocks_", "transformer_transformer_blocks_"), "Stable Diffusion 3 or a model built like it"),
)


def _family_without_cross_attention(modules: list[Module], names: str) -> tuple[str, str]:
    text_widths = {m.inputs for m in modules if m.component.startswith("text") and re.search(r"[qkv]_proj$", m.name)}
    for one in families():
        if basis := one.adapter_basis(text_widths, names):
            return one.name, basis
    shallow = [m for m in modules if re.search(r"down_blocks_0_attentions|input_blocks_1_1_", m.name.replace(".", "_"))]
    if any(m.outputs == 320 for m in shallow):
        return "unknown", "attention at 320 channels, as SD 1.x and 2.x have, and nothing that tells them apart"
    if 768 in text_widths:
        return "unknown", "it adapts a text encoder of width 768: SD 1.x, or the first of SDXL"
    return "unknown", "no module whose shape tells one base from another"
