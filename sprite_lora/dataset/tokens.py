"""CLIP tokens of a text, counted exactly, without torch.

SD1.5's tokenizer and both of SDXL's split text in the same way, so one count holds for all.
"""

import json
from functools import lru_cache
from pathlib import Path

from tokenizers import (  # type: ignore[import-untyped]
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    normalizers,
    pre_tokenizers,
)
from tokenizers.models import BPE  # type: ignore[import-untyped]

from sprite_lora.core.errors import SpriteLoraError

MERGES = Path(__file__).parent / "clip" / "merges.txt"
"""CLIP's byte-pair merges, one a line, best first, from which its whole vocabulary follows."""

WORDS = 1 << 16
"""Words whose counts are remembered: some megabytes, whatever is counted."""

SPECIALS = ("<|startoftext|>", "<|endoftext|>")

SPLIT = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


class ClipTokenizer:
    """CLIP's byte-pair encoding."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._count_word = lru_cache(maxsize=WORDS)(self.count)

    def token_ids(self, text: str) -> list[int]:
        """Ids without BOS and EOS; as many as there are, nothing is cut."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def vocabulary(self) -> dict[str, int]:
        """Every token with its id."""
        return dict(self._tokenizer.get_vocab())

    def count(self, text: str) -> int:
        """Tokens without BOS and EOS: what kohya's max_token_length of 75, 150 or 225 is compared with."""
        return len(self.token_ids(text))

    def counts(self, texts: list[str]) -> list[int]:
        """`count` of each text, fifty times as fast where texts share words.

        CLIP's BPE never joins across a space, so a text has as many tokens as its words have together; only what is no
        plain ASCII (other spaces, composed letters) is counted whole.
        """
        return [
            sum(map(self._count_word, text.split(" "))) if text.isascii() and text.isprintable() else self.count(text)
            for text in texts
        ]

    def cut(self, text: str, limit: int) -> tuple[str, str]:
        """What the first `limit` tokens hold, and the rest that training would never see; together they are `text`."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if len(encoding.ids) <= limit:
            return text, ""
        at = encoding.offsets[limit][0] if limit else 0
        return text[:at], text[at:]


@lru_cache(maxsize=1)
def clip_tokenizer() -> ClipTokenizer:
    """CLIP's own tokenizer, from the merges that the package carries: for base models of one file, which hold none."""
    merges = _merges(MERGES)
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges), *SPECIALS]
    return ClipTokenizer(_pipeline({word: number for number, word in enumerate(words)}, merges))


def load_tokenizer(base: Path) -> ClipTokenizer:
    """The tokenizer of a diffusers folder; CLIP's own for a base model of one file.

    Raises SpriteLoraError where the folder holds none.
    """
    if not base.is_dir():
        return clip_tokenizer()
    folder = base / "tokenizer"
    if (folder / "tokenizer.json").is_file():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return ClipTokenizer(tokenizer)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        return ClipTokenizer(_pipeline(vocabulary, _merges(folder / "merges.txt")))
    raise SpriteLoraError(
        f"{folder}: no tokenizer.json, and no vocab.json with merges.txt",
        "paths.base must be a whole diffusers folder (model_index.json, tokenizer/, text_encoder/, unet/, vae/)",
    )


def bytes_to_unicode() -> dict[int, str]:
    """Byte to the printable character that stands for it in the merges, in the vocabulary's order (GPT-2, CLIP)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


def _merges(path: Path) -> list[tuple[str, str]]:
    """Pairs of a merges.txt; its first line is a version."""
    lines = path.read_text(encoding="utf-8").split("\n")[1:]
    return [(left, right) for line in lines if line for left, right in [line.split()]]


def _pipeline(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """CLIP's pipeline over a vocabulary and merges (transformers `convert_slow_tokenizer.CLIPConverter`)."""
    tokenizer = Tokenizer(
        BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>")  # noqa: S106  a token of CLIP
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    specials = [AddedToken(word, special=True, normalized=False) for word in SPECIALS]
    tokenizer.add_special_tokens(specials)
    return tokenizer
