"""All the rules on a folder of sprites and a folder of captions, those that hold pairs against each other included."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.dataset.checks.caption_rule import CheckSettings
from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.finding import Finding, quote
from sprite_lora.dataset.checks.folders import Folder, check_pairing, list_folder
from sprite_lora.dataset.checks.pairs import Pair, check_pairs
from sprite_lora.dataset.checks.spelling import check_spelling, misspelt
from sprite_lora.dataset.tokens import ClipTokenizer


@dataclass(frozen=True)
class CheckedSet:
    """Every stem that has a sprite or a caption, and what was found."""

    sprites: Folder
    captions: Folder
    pairs: list[Pair]
    findings: list[Finding]
    census: Census
    corrections: dict[str, str]
    """Misspelt word to what it should be."""


def check_set(data: Path, texts: Path, settings: CheckSettings, tokenizer: ClipTokenizer | None) -> CheckedSet:
    """Check `data`/*.png with `texts`/*.txt. `tokenizer`: that of settings.base."""
    sprites, unusable_sprites = list_folder(data, ".png")
    captions, unusable_captions = list_folder(texts, ".txt")
    findings = [*unusable_sprites, *unusable_captions, *check_pairing(sprites, captions)]
    pairs: list[Pair] = []
    census = Census()
    for chunk in check_pairs(sprites, captions, settings, tokenizer):
        pairs += chunk.pairs
        findings += chunk.findings
        census.merge(chunk.census)
    corrections = misspelt(census.words)
    findings += check_duplicates(pairs, sprites, captions)
    findings += check_spelling(pairs, captions, corrections, census)
    return CheckedSet(sprites, captions, pairs, findings, census, corrections)


def check_duplicates(pairs: list[Pair], sprites: Folder, captions: Folder) -> Iterator[Finding]:
    """Sprites of the same pixels, captions shared by different sprites."""
    first_sprite: dict[bytes, str] = {}
    first_caption: dict[str, Pair] = {}
    for pair in pairs:
        if pair.digest and (twin := first_sprite.setdefault(pair.digest, pair.stem)) != pair.stem:
            yield Finding("duplicate-sprite", sprites.shown(pair.stem), f"same pixels as {quote(twin)}")
        if pair.caption is None:
            continue
        same = first_caption.setdefault(pair.caption, pair)
        if same is not pair and (same.digest is None or same.digest != pair.digest):
            message = f"word for word that of {quote(same.stem)}"
            yield Finding("same-caption", captions.shown(pair.stem), message)
