"""Adapters of many trainers: names and shapes as each of them writes them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.identify.describe import describe

Write = Callable[..., Path]
SD15_K, SDXL_K, SD2_K = 768, 2048, 1024
AB = (".lora_A.weight", ".lora_B.weight")
NAMED = (".lora_A.default.weight", ".lora_B.default.weight")
LINEAR = (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight")
PROCESSOR = ("_lora.down.weight", "_lora.up.weight")
FIRST = "down_blocks_0_attentions_0_transformer_blocks_0"
DOTTED = "down_blocks.0.attentions.0.transformer_blocks.0"
TEXT = "text_model_encoder_layers_0"


def lora(module: str, rank: int, inputs: int, outputs: int, down: str, up: str, dtype: str = "F16") -> dict[str, Any]:
    return {f"{module}{down}": (dtype, [rank, inputs]), f"{module}{up}": (dtype, [outputs, rank])}


def kohya(module: str, rank: int, inputs: int, outputs: int, dtype: str = "F16") -> dict[str, Any]:
    return {
        **lora(module, rank, inputs, outputs, ".lora_down.weight", ".lora_up.weight", dtype),
        f"{module}.alpha": (dtype, []),
    }


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "kohya SD1.5": (
        kohya(f"lora_unet_{FIRST}_attn2_to_k", 4, SD15_K, 320)
        | kohya(f"lora_te_{TEXT}_self_attn_q_proj", 4, 768, 768),
        {"family": "sd_v1", "rank": 4, "layout": "kohya", "text_encoders": ["text encoder 1"]},
    ),
    "kohya SD2": (
        kohya(f"lora_unet_{FIRST}_attn2_to_v", 8, SD2_K, 320),
        {"family": "sd_v2", "rank": 8, "layout": "kohya", "text_encoders": []},
    ),
    "kohya SDXL": (
        kohya("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k", 2, SDXL_K, 640, "BF16")
        | kohya(f"lora_te1_{TEXT}_mlp_fc1", 2, 768, 3072, "BF16")
        | kohya(f"lora_te2_{TEXT}_mlp_fc1", 2, 1280, 5120, "BF16"),
        {"family": "sdxl_base_v1-0", "rank": 2, "precision": "bf16"},
    ),
    "kohya SDXL, attention to itself alone": (
        kohya("lora_unet_middle_block_1_transformer_blocks_9_attn1_to_q", 2, 1280, 1280),
        {"family": "sdxl_base_v1-0", "rank": 2},
    ),
    "OneTrainer SDXL, diffusers block names": (
        kohya("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k", 16, SDXL_K, 640),
        {"family": "sdxl_base_v1-0", "rank": 16},
    ),
    "LoCon with convolutions": (
        kohya(f"lora_unet_{FIRST}_attn2_to_k", 8, SD15_K, 320)
        | {
            "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": ("F16", [4, 320, 3, 3]),
            "lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight": ("F16", [320, 4, 1, 1]),
            "lora_unet_down_blocks_0_resnets_0_conv1.alpha": ("F16", []),
        },
        {"family": "sd_v1", "rank": None, "convolutions": True, "layout": "kohya or LyCORIS (LoCon)"},
    ),
    "LoCon, Tucker-decomposed": (
        {
            "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": ("F16", [4, 320, 1, 1]),
            "lora_unet_down_blocks_0_resnets_0_conv1.lora_mid.weight": ("F16", [4, 4, 3, 3]),
            "lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight": ("F16", [320, 4, 1, 1]),
        },
        {"family": "unknown", "rank": 4, "convolutions": True},
    ),
    "LoHa": (
        {
            f"lora_unet_{FIRST}_attn2_to_k.hada_w1_a": ("F32", [320, 6]),
            f"lora_unet_{FIRST}_attn2_to_k.hada_w1_b": ("F32", [6, SD15_K]),
            f"lora_unet_{FIRST}_attn2_to_k.hada_w2_a": ("F32", [320, 6]),
            f"lora_unet_{FIRST}_attn2_to_k.hada_w2_b": ("F32", [6, SD15_K]),
            f"lora_unet_{FIRST}_attn2_to_k.alpha": ("F32", []),
        },
        {"family": "sd_v1", "rank": 6, "algorithm": "LoHa", "layout": "LyCORIS", "precision": "fp32"},
    ),
    "LoKr": (
        {
            "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lokr_w1": ("F16", [8, 32]),
            "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lokr_w2_a": ("F16", [80, 3]),
            "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lokr_w2_b": ("F16", [3, 64]),
            "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.alpha": ("F16", []),
        },
        {"family": "sdxl_base_v1-0", "rank": 3, "algorithm": "LoKr", "layout": "LyCORIS"},
    ),
    "LoKr, whole matrices": (
        {
            f"lora_unet_{FIRST}_attn2_to_k.lokr_w1": ("F16", [16, 24]),
            f"lora_unet_{FIRST}_attn2_to_k.lokr_w2": ("F16", [20, 32]),
        },
        {"family": "sd_v1", "rank": None, "algorithm": "LoKr"},
    ),
    "IA3": (
        {
            f"lora_unet_{FIRST}_attn2_to_k.weight": ("F16", [320]),
            f"lora_unet_{FIRST}_attn2_to_k.on_input": ("I64", []),
        },
        {"rank": None, "algorithm": "IA3", "parameters": 320, "precision": "fp16"},
    ),
    "full difference": (
        {f"lora_unet_{FIRST}_attn2_to_k.diff": ("F16", [320, SD15_K])},
        {"family": "sd_v1", "rank": None, "algorithm": "full difference"},
    ),
    "GLoRA": (
        {
            "lora_unet_x_attn2_to_k.a1.weight": ("F16", [SD15_K, 5]),
            "lora_unet_x_attn2_to_k.a2.weight": ("F16", [5, SD15_K]),
            "lora_unet_x_attn2_to_k.b1.weight": ("F16", [320, 5]),
            "lora_unet_x_attn2_to_k.b2.weight": ("F16", [5, SD15_K]),
        },
        {"family": "sd_v1", "rank": 5, "algorithm": "GLoRA"},
    ),
    "OFT of sd-scripts": (
        {"oft_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.oft_blocks": ("F16", [4, 160, 160])},
        {"rank": None, "algorithm": "OFT", "layout": "kohya"},
    ),
    "DoRA": (
        kohya(f"lora_unet_{FIRST}_attn2_to_k", 4, SD15_K, 320)
        | {f"lora_unet_{FIRST}_attn2_to_k.dora_scale": ("F16", [320, 1])},
        {"family": "sd_v1", "rank": 4, "algorithm": "LoRA (DoRA)"},
    ),
    "diffusers with PEFT": (
        lora(f"unet.{DOTTED}.attn2.to_k", 4, SD15_K, 320, *AB)
        | lora("text_encoder.text_model.encoder.layers.0.self_attn.q_proj", 4, 768, 768, *AB),
        {"family": "sd_v1", "rank": 4, "layout": "diffusers (PEFT)", "text_encoders": ["text encoder 1"]},
    ),
    "diffusers SDXL, two text encoders": (
        lora("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v", 4, SDXL_K, 640, *AB)
        | lora("text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj", 4, 1280, 1280, *LINEAR),
        {"family": "sdxl_base_v1-0", "rank": 4, "text_encoders": ["text encoder 2"]},
    ),
    "diffusers before PEFT": (
        lora(f"unet.{DOTTED}.attn2.processor.to_k", 4, SD15_K, 320, *PROCESSOR, "F32"),
        {"family": "sd_v1", "rank": 4, "layout": "diffusers", "precision": "fp32"},
    ),
    "diffusers' first layout, no prefix": (
        lora(f"{DOTTED}.attn2.processor.to_k", 4, SD2_K, 320, *PROCESSOR, "F32"),
        {"family": "sd_v2", "rank": 4, "unet": True},
    ),
    "PEFT": (
        lora(f"base_model.model.{DOTTED}.attn2.to_k", 4, SD15_K, 320, *AB, "F32"),
        {"family": "sd_v1", "rank": 4, "layout": "PEFT", "unet": True},
    ),
    "PEFT with the adapter's name in its keys": (
        lora("base_model.model.mid_block.attentions.0.transformer_blocks.0.attn2.to_k", 4, SD15_K, 1280, *NAMED),
        {"family": "sd_v1", "rank": 4, "layout": "PEFT"},
    ),
    "ComfyUI's prefix": (
        lora("diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k", 4, SDXL_K, 640, *AB),
        {"family": "sdxl_base_v1-0", "rank": 4, "layout": "ComfyUI"},
    ),
    "cloneofsimo": (
        {"unet:0:up": ("F32", [320, 4]), "unet:0:down": ("F32", [4, 320])}
        | {"unet:1:up": ("F32", [320, 4]), "unet:1:down": ("F32", [4, 768])},
        {"family": "sd_v1", "rank": 4, "layout": "cloneofsimo/lora", "unet": True},
    ),
    "Flux": (
        kohya("lora_unet_double_blocks_0_img_attn_qkv", 16, 3072, 9216, "BF16"),
        {"family": "unknown", "rank": 16, "basis": "Flux"},
    ),
    "Flux in diffusers": (
        lora("transformer.single_transformer_blocks.0.attn.to_q", 16, 3072, 3072, *AB),
        {"family": "unknown", "rank": 16, "basis": "Flux", "other": ["transformer"]},
    ),
    "a text encoder alone": (
        kohya(f"lora_te_{TEXT}_self_attn_q_proj", 4, 768, 768),
        {"family": "unknown", "unet": False, "basis": "768"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_layout(write: Write, case: str) -> None:
    tensors, expected = CASES[case]
    found = describe(write(tensors))
    assert found["kind"] == "LoRA"
    assert found["problems"] == []
    flat = {
        **found, **found["trains"], "family": found["base"]["family"], "algorithm": next(iter(found["algorithms"]))
    }  # fmt: skip
    if "basis" in expected:
        assert expected["basis"] in found["base"]["basis"]
    assert {key: flat[key] for key in expected if key != "basis"} == {k: v for k, v in expected.items() if k != "basis"}


def test_parameters_count_all_weights_and_no_alpha(write: Write) -> None:
    found = describe(write(kohya("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k", 4, 768, 1280)))
    assert found["parameters"] == 4 * (768 + 1280)


def test_different_ranks_are_shown_by_group(write: Write) -> None:
    tensors = kohya("lora_unet_a_attn2_to_k", 4, 768, 320) | kohya(f"lora_te_{TEXT}_mlp_fc1", 8, 768, 3072)
    found = describe(write(tensors))
    assert found["rank"] is None
    assert {(group["component"], tuple(group["ranks"])) for group in found["groups"]} == {
        ("unet", ("4",)),
        ("text encoder 1", ("8",)),
    }


@pytest.mark.parametrize(("dtype", "code"), [("F16", "<e"), ("F32", "<f")])
def test_alpha_is_read_from_the_tensors_when_asked(write: Write, dtype: str, code: str) -> None:
    module = "lora_unet_a_attn2_to_k"
    path = write(
        kohya(module, 4, 768, 320, dtype), {"ss_network_alpha": "16"}, {f"{module}.alpha": struct.pack(code, 2.0)}
    )
    assert describe(path)["alpha"] == {"value": 16.0, "source": "stated: ss_network_alpha", "stated": 16.0}
    found = describe(path, tensors=True)
    assert found["alpha"]["value"] == 2.0
    assert found["problems"] == ["states alpha 16, its tensors hold 2"]


def test_bfloat_alpha(write: Write) -> None:
    module = "lora_unet_a_attn2_to_k"
    path = write(kohya(module, 4, 768, 320, "BF16"), values={f"{module}.alpha": struct.pack("<f", 64.0)[2:]})
    assert describe(path, tensors=True)["alpha"]["value"] == 64.0
    assert "--tensors" in describe(path)["alpha"]["source"]


def test_alpha_of_peft_comes_from_its_config(write: Write) -> None:
    tensors = lora("base_model.model.mid_block.attentions.0.attn2.to_k", 4, 768, 1280, *AB)
    path = write(tensors, name="adapter/adapter_model.safetensors")
    assert "the rank is used" in describe(path)["alpha"]["source"]
    (path.parent / "adapter_config.json").write_text(json.dumps({"lora_alpha": 32, "r": 4}))
    assert describe(path)["alpha"]["value"] == 32.0
    assert describe(path.parent)["rank"] == 4


def test_alpha_of_diffusers_metadata(write: Write) -> None:
    tensors = lora("unet.mid_block.attentions.0.attn2.to_k", 4, 768, 1280, *AB)
    path = write(tensors, {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 8, "unet.r": 4})})
    assert describe(path)["alpha"]["value"] == 8.0
