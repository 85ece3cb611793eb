"""Stable Diffusion 2.0 and 2.1, in both resolutions."""

from collections.abc import Set

from sprite_lora.bases.family import Family, TextEncoder
from sprite_lora.bases.text import SECOND_PAD


class SD2(Family):
    """One text encoder, OpenCLIP ViT-H/14; the models of 768 pixels predict the velocity."""

    name = "sd_v2"
    label = "SD2"
    file_words = ("sd21", "sd20", "sd2")
    stated_names = ("sd_v2_v", "stable-diffusion-v2-512", "stable-diffusion-v2-768-v", "sd2")

    file_mark = "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight"
    text_encoders = (
        TextEncoder("text_encoder", "CLIPTextModel", "lora_te", SECOND_PAD, open_clip="cond_stage_model.model."),
    )
    encoder_width = 1024
    text_width = 1024

    adapted = ((432_128, 192), (423_936, 138))
    either_prediction = True
    architecture = "stable-diffusion-v2-512"

    def adapter_basis(self, widths: Set[int | None], names: str) -> str:
        return "it adapts a text encoder of width 1024" if 1024 in widths else ""

    def metadata(self, velocity: bool) -> dict[str, str]:
        keys = super().metadata(velocity) | {"ss_v2": "True"}
        return keys | {"modelspec.architecture": "stable-diffusion-v2-768-v/lora"} if velocity else keys


FAMILY = SD2()
