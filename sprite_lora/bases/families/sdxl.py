"""Stable Diffusion XL, base."""

import re
from collections.abc import Set
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sprite_lora.bases.family import Family, TextEncoder
from sprite_lora.bases.text import EOS, SECOND_PAD, WINDOW, Encoded, join, token_windows
from sprite_lora.bases.unet_names import original_path

if TYPE_CHECKING:
    import torch

    from sprite_lora.bases.parts import Parts


class SDXL(Family):
    """Two text encoders, CLIP ViT-L/14 and OpenCLIP ViT-bigG/14; the U-Net reads sizes and a pooled text too."""

    name = "sdxl_base_v1-0"
    label = "SDXL"
    file_words = ("sdxl", "xl")
    stated_names = ("sdxl_base_v0-9", "stable-diffusion-xl-v1-base", "sdxl_1.0", "sdxl")

    file_mark = "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight"
    file_text = "conditioner.embedders."
    text_encoders = (
        TextEncoder("text_encoder", "CLIPTextModel", "lora_te1"),
        TextEncoder(
            "text_encoder_2",
            "CLIPTextModelWithProjection",
            "lora_te2",
            SECOND_PAD,
            open_clip="conditioner.embedders.1.model.",
        ),
    )
    encoder_width = 768
    text_width = 2048

    adapted = ((2_659_840, 722), (903_168, 264))
    outer_modules = ()  # sd-scripts has them under the original names, which LyCORIS does not look for
    architecture = "stable-diffusion-xl-v1-base"
    ignored = MappingProxyType({"clip_skip": "SDXL reads the layer before the last in any case"})

    def lora_path(self, path: str) -> str:
        return original_path(path)

    def adapter_basis(self, widths: Set[int | None], names: str) -> str:
        if 1280 in widths:
            return "it adapts a text encoder of width 1280, as SDXL's second"
        deep = re.search(r"transformer_blocks_[1-9]", names)
        return "it has several transformer blocks in one place, as SDXL alone" if deep else ""

    def metadata(self, velocity: bool) -> dict[str, str]:
        implementation = "https://github.com/Stability-AI/generative-models"
        named = {"ss_base_model_version": self.name, "modelspec.implementation": implementation}
        return super().metadata(velocity) | named

    def encode(self, base: "Parts", texts: list[str], max_token_length: int, clip_skip: int | None = None) -> Encoded:
        """The layer before the last of both encoders, without norm, side by side; `clip_skip` changes nothing."""
        import torch

        ids = [base.tokenizer.token_ids(text) for text in texts]
        first, second = base.text_encoders
        tokens = [
            token_windows(ids, max_token_length, encoder.pad, part.device)
            for encoder, part in zip(self.text_encoders, base.text_encoders, strict=True)
        ]
        states_1 = first(tokens[0], output_hidden_states=True).hidden_states[-2]
        out = second(tokens[1], output_hidden_states=True)
        at_eos = (tokens[1] == EOS).int().argmax(dim=1)
        last = out.last_hidden_state[torch.arange(len(at_eos), device=at_eos.device), at_eos]
        pooled = second.text_projection(last.to(second.text_projection.weight.dtype))
        states = torch.cat([join(states_1, len(ids)), join(out.hidden_states[-2], len(ids))], dim=2)
        return Encoded(states, pooled[:: max_token_length // WINDOW])

    def added_conditions(self, encoded: Encoded, noisy: "torch.Tensor", sizes: "torch.Tensor") -> dict[str, Any] | None:
        """The pooled text, and the sizes, as sd-scripts."""
        assert encoded.pooled is not None
        return {"text_embeds": encoded.pooled.to(noisy), "time_ids": sizes}


FAMILY = SDXL()
