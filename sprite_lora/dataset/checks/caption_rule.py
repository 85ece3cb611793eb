"""What a rule on one caption sees and gives."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sprite_lora.art.colour import RGB
from sprite_lora.dataset.caption import Feature, features, hex_codes, tags
from sprite_lora.dataset.checks.sprites import Sprite
from sprite_lora.dataset.tokens import ClipTokenizer


@dataclass(frozen=True)
class CheckSettings:
    """What pairs are checked against: plain values, small enough to hand to every process."""

    art_pixels: int
    background: RGB
    """What transparent pixels are laid on."""
    trigger: tuple[str, ...]
    hex_tolerance: int
    """Levels of 255 by which a code may miss a colour of its sprite, per channel."""
    max_token_length: int | None
    """None: no caption is too long."""
    shuffle_caption: bool | None
    base: Path | None
    """Base model, for its tokenizer. None: tokens are not counted."""


@dataclass(frozen=True)
class Caption:
    """One caption as its rules see it."""

    text: str
    settings: CheckSettings
    sprite: Sprite | None = None
    """None where there is none that can be read: rules on pixels then find nothing."""
    tokenizer: ClipTokenizer | None = None

    @cached_property
    def tags(self) -> list[str]:
        """The comma tags."""
        return tags(self.text)

    @cached_property
    def features(self) -> list[Feature]:
        """The phrases that carry a colour code."""
        return features(self.text) if "#" in self.text else []

    @cached_property
    def bare_codes(self) -> dict[str, int]:
        """The colour codes outside of features, with how often each occurs."""
        if "#" not in self.text:
            return {}
        codes = Counter(hex_codes(self.text))
        codes.subtract(feature.code for feature in self.features)
        return {code: count for code, count in codes.items() if count > 0}

    @cached_property
    def tokens(self) -> int | None:
        """CLIP tokens; None without a tokenizer."""
        return self.tokenizer.counts([self.text])[0] if self.tokenizer else None


CaptionRule = Callable[[Caption], Iterable[str]]
"""Gives a message for each case that it finds. The message quotes the offending words."""
