"""The safe repairs of a caption: each takes away what is wrong, or puts right what can only be meant one way."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sprite_lora.art.colour import RGB, parse_hex
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded
from sprite_lora.dataset.caption import BACKGROUND, BACKGROUND_LAST, LINE_END, MAX_BYTES, features, tags, words
from sprite_lora.dataset.checks.caption_rule import CheckSettings
from sprite_lora.dataset.checks.codes import (
    HASHED,
    LEAST_BACKGROUND,
    disagree,
    has_colour,
    phrases_by_code,
    stated_colours,
)
from sprite_lora.dataset.checks.finding import shown
from sprite_lora.dataset.checks.folders import Folder
from sprite_lora.dataset.checks.sprites import Sprite, check_sprite

LABEL = re.compile(r"^[\w ]+:\s*$")
LOOSE = re.compile(r"(?<![\s,])[\s,]+\)")
EMPTY = re.compile(r"\([\s,]*\)")


@dataclass(frozen=True)
class Repairs:
    """What the set says about its captions, and how strictly codes are held to pixels."""

    trigger: tuple[str, ...]
    corrections: dict[str, str]
    """Misspelt word to what it should be."""
    hex_tolerance: int


@dataclass(frozen=True)
class Suggestion:
    """One caption file and what it should hold."""

    path: Path
    before: str
    after: str

    def diff(self) -> str:
        """A unified diff that `git apply` and `patch -p1` take."""
        name = shown(self.path)
        before, after = (_lines(text) for text in (self.before, self.after))
        text = ""
        for line in difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"):
            text += line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        return text


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [text.split("\n")[-1]] * (not text.endswith("\n"))


def suggestions(
    sprites: Folder, captions: Folder, settings: CheckSettings, corrections: dict[str, str]
) -> Iterator[Suggestion]:
    """A suggestion for each caption that a safe repair changes; files that are no text, or huge, are left alone."""
    repairs = Repairs(settings.trigger, corrections, settings.hex_tolerance)
    for stem in sorted(captions.stems):
        path = captions.file(stem)
        try:
            before = read_bounded(path, MAX_BYTES).decode("utf-8")
        except (SpriteLoraError, UnicodeDecodeError):
            continue
        sprite = None
        if "#" in before and stem in sprites.stems:
            sprite = check_sprite(sprites.file(stem), settings.art_pixels, settings.background).sprite
        after = repaired(before, sprite, repairs)
        if after != before:
            yield Suggestion(path, before, after)


def repaired(text: str, sprite: Sprite | None, repairs: Repairs) -> str:
    """The file's text with its first line repaired; other lines and line ends stay as they are.

    Drops the byte order mark, codes that no feature has, that are no colour of the sprite, that contradict the words
    before them or that two features share (the feature that is proved keeps it), repeated tags; corrects misspelt
    words; puts the trigger first. `sprite` None: the sprite cannot be read, so no code is held against it.
    """
    text = text.removeprefix("\ufeff")
    end = LINE_END.search(text)
    line, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
    caption = line.strip()
    if not caption:
        return text
    fixed = _without_codes(_spelt(caption, repairs.corrections), sprite, repairs.hex_tolerance)
    fixed = _first(", ".join(dict.fromkeys(tags(fixed))), repairs.trigger)
    return (line if tags(fixed) == tags(caption) else fixed) + rest


def _without_codes(caption: str, sprite: Sprite | None, tolerance: int) -> str:
    if "#" not in caption:
        return caption
    coded = features(caption)
    kept = {feature.start for feature in coded if not _wrong(feature.phrase, feature.code, sprite, tolerance)}
    for code, phrases in phrases_by_code(feature for feature in coded if feature.start in kept).items():
        if len(phrases) > 1:
            proved = {phrase for phrase in phrases if _proved(phrase, parse_hex(code), sprite)}
            losers = set(phrases) - (proved if len(proved) == 1 else set())
            kept -= {feature.start for feature in coded if feature.code == code and feature.phrase in losers}
    parts, last = [], 0
    for feature in coded:
        parts.append(_without_bare(caption[last : feature.start]))
        parts.append(caption[feature.start : feature.end] if feature.start in kept else feature.phrase)
        last = feature.end
    parts.append(_without_bare(caption[last:]))
    return ", ".join(tag for tag in tags("".join(parts)) if not LABEL.match(tag))


def _without_bare(text: str) -> str:
    """Codes outside of features taken out, with the brackets that would be left empty."""
    if "#" not in text:
        return text
    return EMPTY.sub("", LOOSE.sub(")", HASHED.sub("", text)))


def _wrong(phrase: str, code: str, sprite: Sprite | None, tolerance: int) -> bool:
    if BACKGROUND_LAST.search(phrase):
        return sprite is not None and not has_colour(sprite.border_colours, code, tolerance)
    absent = sprite is not None and not has_colour(sprite.colours, code, tolerance)
    return absent or disagree([parse_hex(code)], phrase)


def _proved(phrase: str, rgb: RGB, sprite: Sprite | None) -> bool:
    """Whether the pixels or the words say that this feature has this colour."""
    if BACKGROUND.search(phrase):
        return sprite is not None and any(
            colour == rgb and share >= LEAST_BACKGROUND for colour, share in sprite.border
        )
    return bool(stated_colours(phrase)) and not disagree([rgb], phrase)


def _spelt(caption: str, corrections: dict[str, str]) -> str:
    for word in sorted(set(words(caption)) & corrections.keys()):
        whole = re.compile(rf"(?<![a-z'#]){word}(?![a-z'])", re.IGNORECASE)
        caption = whole.sub(partial(_as, corrections[word]), caption)
    return caption


def _as(right: str, match: re.Match[str]) -> str:
    """The right word, in capitals where the wrong one is."""
    found = match[0]
    return right.upper() if found.isupper() else right.capitalize() if found[0].isupper() else right


def _first(caption: str, trigger: tuple[str, ...]) -> str:
    parts = tags(caption)
    if parts[: len(trigger)] == list(trigger):
        return caption
    plain = {tag.lower() for tag in trigger}
    return ", ".join([*trigger, *(tag for tag in parts if tag.lower() not in plain)])
