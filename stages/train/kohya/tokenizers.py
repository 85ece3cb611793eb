"""The CLIP tokenizers that sd-scripts would fetch from a hub, written from the merges that the project carries.

sd-scripts looks for `<tokenizer_cache_dir>/<hub id with _ for />` first (`load_tokenizer`, `_load_tokenizer`). All of
them are CLIP's byte-pair encoding; they differ in the token that pads.
"""

import json
from pathlib import Path

from sprite_lora.core.files import write_text
from sprite_lora.dataset.tokens import MERGES, SPECIALS, clip_tokenizer

WINDOW = 77

PADDED_BY = {
    "openai_clip-vit-large-patch14": SPECIALS[1],
    "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k": "!",
    "stabilityai_stable-diffusion-2": "!",
}
"""Folder to the token that pads; `!` is id 0."""


def write_tokenizers(folder: Path) -> None:
    """All of them, in transformers' format."""
    start, end = SPECIALS
    vocabulary = json.dumps(clip_tokenizer().vocabulary(), ensure_ascii=False)
    for name, pad in PADDED_BY.items():
        special = {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": pad}
        config = {**special, "tokenizer_class": "CLIPTokenizer", "model_max_length": WINDOW, "errors": "replace",
                  "do_lower_case": True, "add_prefix_space": False}  # fmt: skip
        write_text(folder / name / "vocab.json", vocabulary)
        write_text(folder / name / "merges.txt", MERGES.read_text(encoding="utf-8"))
        write_text(folder / name / "special_tokens_map.json", json.dumps(special))
        write_text(folder / name / "tokenizer_config.json", json.dumps(config))
