"""The settings that a pair is checked against: plain values, small enough to hand to every process."""

from dataclasses import dataclass
from pathlib import Path

from sprite_lora.art.colour import RGB

LENGTHS = (75, 150, 225)
"""What train.max_token_length may be: whole CLIP windows of 75 tokens."""


@dataclass(frozen=True)
class Gate:
    """What `check_pair` needs to know. None: the setting is wrong in params.yaml, so its rules are left out."""

    art_pixels: int
    background: RGB
    """What transparent pixels are laid on."""
    trigger: tuple[str, ...]
    hex_tolerance: int
    max_token_length: int | None
    shuffle_caption: bool | None
    base: Path | None
    """Where the tokenizer is; None where it cannot be loaded."""


def holding(tokens: int) -> int | None:
    """The smallest legal length that holds so many tokens."""
    return next((length for length in LENGTHS if tokens <= length), None)
