"""The published architectures, without weights."""

import json
from functools import cache

import pytest
import torch

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.bases.family import CONFIGS
from sprite_lora.bases.registry import load_family


@pytest.fixture(scope="session")
def full_size():
    """`full_size(family)`: a base model on the device `meta`."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    @cache
    def make(family):
        folder = CONFIGS / family
        with torch.device("meta"):
            unet = UNet2DConditionModel.from_config(json.loads((folder / "unet" / "config.json").read_text()))
            texts = [CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder"))]
            if family == "sdxl_base_v1-0":
                texts.append(CLIPTextModelWithProjection(CLIPTextConfig.from_pretrained(folder / "text_encoder_2")))
        return BaseModel(None, texts, unet, None, {}, load_family(family))

    return make
