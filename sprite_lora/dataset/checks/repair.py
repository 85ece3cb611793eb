"""The safe repairs of a caption: each takes away what is wrong, or puts right what can only be meant one way."""

import re
from dataclasses import dataclass
from functools import partial

from sprite_lora.art.colour import RGB, parse_hex
from sprite_lora.dataset.caption import BACKGROUND, BACKGROUND_LAST, LINE_END, features, tags, words
from sprite_lora.dataset.checks.codes import HASHED, LEAST_BACKGROUND, colours_said, disagree, has_colour
from sprite_lora.dataset.checks.sprites import Picture

LABEL = re.compile(r"^[\w ]+:\s*$")
LOOSE = re.compile(r"[\s,]+\)")
EMPTY = re.compile(r"\([\s,]*\)")


@dataclass(frozen=True)
class Repairs:
    """What the set says about its captions, and how strictly codes are held to pixels."""

    trigger: tuple[str, ...]
    corrections: dict[str, str]
    """Misspelt word to what it should be."""
    hex_tolerance: int


def repaired(text: str, picture: Picture | None, repairs: Repairs) -> str:
    """The file's text with its first line repaired; other lines and line ends stay as they are.

    Drops the byte order mark, codes that no feature has, that are no colour of the sprite, that contradict the words
    before them or that two features share (the feature that is proved keeps it), repeated tags; corrects misspelt
    words; puts the trigger first. `picture` None: the sprite cannot be read, so no code is held against it.
    """
    text = text.removeprefix("\ufeff")
    end = LINE_END.search(text)
    line, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
    caption = line.strip()
    if not caption:
        return text
    fixed = _without_codes(_spelt(caption, repairs.corrections), picture, repairs.hex_tolerance)
    fixed = _first(", ".join(dict.fromkeys(tags(fixed))), repairs.trigger)
    return (line if tags(fixed) == tags(caption) else fixed) + rest


def _without_codes(caption: str, picture: Picture | None, tolerance: int) -> str:
    if "#" not in caption:
        return caption
    named = features(caption)
    kept = {feature.start for feature in named if not _wrong(feature.phrase, feature.hex, picture, tolerance)}
    owners: dict[str, set[str]] = {}
    for feature in named:
        if feature.start in kept:
            owners.setdefault(feature.hex, set()).add(feature.phrase)
    for code, phrases in owners.items():
        if len(phrases) > 1:
            proved = {phrase for phrase in phrases if _proved(phrase, parse_hex(code), picture)}
            losers = phrases - (proved if len(proved) == 1 else set())
            kept -= {feature.start for feature in named if feature.hex == code and feature.phrase in losers}
    parts, last = [], 0
    for feature in named:
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


def _wrong(phrase: str, code: str, picture: Picture | None, tolerance: int) -> bool:
    if BACKGROUND_LAST.search(phrase):
        return picture is not None and not has_colour(picture.border_codes, code, tolerance)
    absent = picture is not None and not has_colour(picture.colours, code, tolerance)
    return absent or disagree([parse_hex(code)], phrase)


def _proved(phrase: str, rgb: RGB, picture: Picture | None) -> bool:
    """Whether the pixels or the words say that this feature has this colour."""
    if BACKGROUND.search(phrase):
        return picture is not None and any(
            colour == rgb and share >= LEAST_BACKGROUND for colour, share in picture.border
        )
    return bool(colours_said(phrase)) and not disagree([rgb], phrase)


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
