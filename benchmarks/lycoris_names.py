"""Which modules LyCORIS adapts in sd-scripts' own models, by its presets: tests/lora/lycoris_names.json.

It runs in the environment of sd-scripts, beside this project, on modules without weights:

    <its python> benchmarks/lycoris_names.py <checkout> > tests/lora/lycoris_names.json

Measured with sd-scripts v0.10.1 and lycoris-lora 4.1.3. With SD1 and SD2 LyCORIS stops at most of its presets
("duplicated lora name: lora_unet_time_embedding_linear_1"); then the class that it names twice is left out, and the
module is adapted by its name.
"""

import hashlib
import json
import sys
from typing import Any

import torch

PRESETS = (
    "full", "full-lin", "attn-mlp", "attn-only", "unet-only", "unet-transformer-only", "unet-convblock-only",
)  # fmt: skip


def models(checkout: str) -> dict[str, tuple[Any, Any]]:
    """Family to text encoders and U-Net, as sd-scripts makes them."""
    sys.path.insert(0, checkout)
    from library import model_util, sdxl_original_unet  # type: ignore[import-not-found]
    from library.original_unet import UNet2DConditionModel  # type: ignore[import-not-found]
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    def text(layers: int, width: int) -> Any:
        size = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": width // 64}
        return CLIPTextConfig(num_hidden_layers=layers, **size)

    with torch.device("meta"):
        sd1 = UNet2DConditionModel(**model_util.create_unet_diffusers_config(False, False))
        sdxl = sdxl_original_unet.SdxlUNet2DConditionModel()
        first, second = CLIPTextModel(text(12, 768)), CLIPTextModelWithProjection(text(32, 1280))
    return {"sd_v1": (first, sd1), "sdxl_base_v1-0": ([first, second], sdxl)}


def adapted(text_encoder: Any, unet: Any, name: str) -> list[str]:
    """Names of the modules, sorted."""
    import lycoris.kohya as kohya
    from lycoris.logging import logger

    logger.disabled = True
    preset = dict(kohya.PRESET[name])
    with torch.device("meta"):
        try:
            network = kohya.create_network(1.0, 4, 1.0, None, text_encoder, unet, algo="lora", preset=name)
        except AssertionError as error:
            print(f"{name}: {error}", file=sys.stderr)
            classes = [each for each in preset["unet_target_module"] if each != "TimestepEmbedding"]
            kohya.PRESET[name] = {**preset, "unet_target_module": classes}
            network = kohya.create_network(1.0, 4, 1.0, None, text_encoder, unet, algo="lora", preset=name)
            kohya.PRESET[name] = preset
    return sorted(lora.lora_name for lora in network.loras)


def main() -> None:
    found = []
    for family, (text_encoder, unet) in models(sys.argv[1]).items():
        for preset in PRESETS:
            names = adapted(text_encoder, unet, preset)
            digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
            found.append({"family": family, "preset": preset, "modules": len(names), "sha256": digest})
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
