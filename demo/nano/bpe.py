"""CLIP's byte-pair tokenizer as transformers reads it, computed from its merges alone.

`tokenizer/merges.txt` holds the first 48,894 merges of OpenAI's `bpe_simple_vocab_16e6.txt` (MIT, see
`tokenizer/LICENSE`); everything else in that folder follows from it. So every text has exactly as many tokens
here as in Stable Diffusion 1.5.
"""

import json
from pathlib import Path

from transformers import CLIPTokenizer, CLIPTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = 49152 - 256 - 2


def byte_letters() -> list[str]:
    """One printable letter for each byte, in the order in which CLIP numbers them (Radford et al. 2019, GPT-2)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + rank) for rank in range(len(others))]


def vocabulary(merges: list[str]) -> dict[str, int]:
    """Every token and its number: 256 bytes, the same at a word's end, the merges, the two marks: 49,408 in all."""
    letters = byte_letters()
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(merge.split()) for merge in merges)]
    return {word: number for number, word in enumerate([*words, START, END])}


def write_tokenizer(folder: Path) -> None:
    """Read `merges.txt` in the folder and write vocab.json, the two configs and tokenizer.json beside it."""
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [line for line in lines[1:] if line]
    if len(merges) != MERGES:
        raise ValueError(f"{folder / 'merges.txt'}: {len(merges)} merges, CLIP has {MERGES}")
    (folder / "vocab.json").write_text(json.dumps(vocabulary(merges), ensure_ascii=False), encoding="utf-8")
    options = {
        "model_max_length": 77,
        "unk_token": END,
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
    }
    files = str(folder / "vocab.json"), str(folder / "merges.txt")
    # The fast one writes tokenizer.json; the slow one then writes the configs, in the name that SD1.5 carries.
    CLIPTokenizerFast(*files, **options).save_pretrained(folder)
    CLIPTokenizer(*files, **options).save_pretrained(folder)
