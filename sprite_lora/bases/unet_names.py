"""Names of a U-Net's modules: diffusers' own, and the original ones, under which SDXL LoRAs are stored."""

import re

MODULE = re.compile(r"(down|up|mid)_blocks?\.(?:(\d+)\.)?(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")

RESNET_PARTS = {
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def original_path(path: str) -> str:
    """diffusers' path of a module to the original one.

    Input block 0 is the first convolution; then each level has two layers and a downsampler. Output blocks: three
    layers per level, an upsampler in the last of them. Inside a block, 0 is the residual part and 1 the attention.
    """
    match = MODULE.fullmatch(path)
    assert match, path
    side, level_text, kind, index_text, rest = match.groups()
    level, index = int(level_text or 0), int(index_text)
    if kind == "resnets":
        rest = RESNET_PARTS[rest]
    if side == "mid":
        return f"middle_block.{1 if kind == 'attentions' else 2 * index}.{rest}"
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{3 * level + 2}.2.{rest}"
    place = 1 if kind == "attentions" else 0
    block = f"input_blocks.{3 * level + 1 + index}" if side == "down" else f"output_blocks.{3 * level + index}"
    return f"{block}.{place}.{rest}"
