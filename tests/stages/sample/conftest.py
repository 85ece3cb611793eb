"""Stable Diffusion 1.5's and XL's architectures, tiny, with random weights, saved as plain diffusers saves them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from places import TOKENIZER
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from sprite_lora.bases.base_model import BaseModel, load_base
from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.lora.file import write_lora
from sprite_lora.lora.network import LoRANetwork, ranks_for
from stages.sample.epoch import Setup

RESOLUTION = 64
LADY = "pixel art, 24x24, portrait of bespoke punk lady, green background"
LAD = "pixel art, 24x24, portrait of bespoke punk lad, blue background"


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """As the stage sets it; small tensors gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def text_config(projected: int = 16) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=projected,
        eos_token_id=49407,
        bos_token_id=49406,
    )


def parts(cross_attention_dim: int, **unet: Any) -> dict[str, Any]:
    """What both families have. The autoencoder halves the side once: its factor is not always 8."""
    blocks = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
    return {
        "unet": UNet2DConditionModel(
            **blocks,
            cross_attention_dim=cross_attention_dim,
            attention_head_dim=2,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            **unet,
        ),
        "vae": AutoencoderKL(
            **blocks,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
        ),
        "scheduler": DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
    }


@pytest.fixture(scope="session")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    torch.manual_seed(1)
    pipeline = StableDiffusionPipeline(
        text_encoder=CLIPTextModel(text_config()),
        tokenizer=CLIPTokenizer.from_pretrained(TOKENIZER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **parts(cross_attention_dim=16),
    )
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tinyxl"
    torch.manual_seed(2)
    added = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": 6 * 4 + 12,
    }
    pipeline = StableDiffusionXLPipeline(
        text_encoder=CLIPTextModel(text_config()),
        text_encoder_2=CLIPTextModelWithProjection(text_config(projected=12)),
        tokenizer=CLIPTokenizer.from_pretrained(TOKENIZER),
        tokenizer_2=CLIPTokenizer.from_pretrained(TOKENIZER, pad_token="!"),
        force_zeros_for_empty_prompt=False,
        **parts(cross_attention_dim=32, **added),
    )
    pipeline.save_pretrained(folder)
    assert (folder / "text_encoder_2").is_dir()
    return folder


@pytest.fixture(scope="session")
def loaded() -> Callable[[Path], BaseModel]:
    """A base folder, loaded once: nothing here may change its weights."""
    return functools.cache(load_base)


@pytest.fixture(scope="session")
def make_setup(loaded: Callable[[Path], BaseModel]) -> Callable[..., Setup]:
    """A setup over a base folder; keys of the section `sample` and of the setup as keywords."""

    def make(folder: Path, **changes: Any) -> Setup:
        setup = {"resolution": RESOLUTION, "max_token_length": 75, "clip_skip": None, "v_prediction": False}
        sample: dict[str, Any] = {
            "seed": 42,
            "steps": 3,
            "guidance_scale": 5.0,
            "scheduler": "ddim",
            "negative_prompt": "blurry",
            "network_mul": 1.0,
            "prompts": {"lady": LADY, "lad": LAD},
        }
        for key, value in changes.items():
            (setup if key in setup else sample)[key] = value
        return Setup(
            base=loaded(folder), base_name=folder.name, base_hash="ba5e" * 16, sample=SampleSeeds(**sample), **setup
        )

    return make


@pytest.fixture(scope="session")
def make_lora(tmp_path_factory: pytest.TempPathFactory, loaded: Callable[[Path], BaseModel]) -> Callable[..., Path]:
    """A LoRA file over a base folder, with weights of about `size`, so that it changes the picture."""

    def make(folder: Path, seed: int, size: float = 0.3) -> Path:
        network = LoRANetwork(loaded(folder), ranks_for(loaded(folder), 2, 2.0), seed=seed)
        generator = torch.Generator().manual_seed(seed)
        tensors = {
            name: torch.randn(tensor.shape, generator=generator) * size if "lora_up" in name else tensor
            for name, tensor in network.state_dict().items()
        }
        path = tmp_path_factory.mktemp("lora") / f"punk-{seed:06d}.safetensors"
        write_lora(path, tensors, {"ss_epoch": str(seed)})
        return path

    return make
