"""The rules on colour codes and colour words, against the sprite's own pixels."""

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import BASIC, REACH, RGB, distance, name_distance, nearest_name, parse_hex, to_hex
from sprite_lora.art.sprite import unpack
from sprite_lora.dataset.caption import (
    BACKGROUND,
    BACKGROUND_LAST,
    Feature,
    background_tag,
    colour_words,
    features,
    hex_codes,
)
from sprite_lora.dataset.checks.finding import Found, quote
from sprite_lora.dataset.checks.sprites import Picture

HASHED = re.compile(r"#\w*")
PEOPLE = re.compile(r"\b(black|white|brown) (girl|boy|male|female|man|woman|lady|lad|guy|people|person)\b")
SKIN = re.compile(r"\bskin")
SHADES = (
    (re.compile(r"\b(dark|deep|burnt|navy|midnight)"), 0.15),
    (re.compile(r"\b(light|pale|pastel|bright|faded|sandy)"), -0.15),
)
"""What a word before a colour does to it: `dark blue` is what would be blue if it were lighter by so much (OKLab)."""

SPOKEN = (*BASIC, "tan", "beige", "peach", "cream", "teal", "navy", "maroon", "lavender")
"""Words that messages call colours by."""

LEAST_BACKGROUND = 0.1
"""Share of the border that a colour needs to count as background: less may be a tuft of hair that touches it."""


def check_codes(caption: str, shown: str, found: list[Found]) -> list[Feature]:
    """The rules on codes that need no sprite. Returns the caption's features."""
    if "#" not in caption:
        return []
    for code in HASHED.findall(caption):
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", code):
            found.append(Found("hex-invalid", shown, f"{quote(code)} is no hash with six hex digits"))
    named = features(caption)
    owners: dict[str, dict[str, None]] = {}
    for feature in named:
        owners.setdefault(feature.hex, {})[feature.phrase] = None
    for code, phrases in owners.items():
        if len(phrases) > 1:
            found.append(
                Found("hex-shared", shown, f"{code} is said of {' and of '.join(quote(p, 60) for p in phrases)}")
            )
    bare = Counter(hex_codes(caption))
    for feature in named:
        bare[feature.hex] -= 1
    repeated = [f"{code} ({count} times)" for code, count in bare.items() if count > 1]
    if repeated:
        found.append(Found("hex-duplicate", shown, f"in a list of codes: {', '.join(repeated)}"))
    unexplained = [code for code, count in bare.items() if count > 0 and code not in owners]
    if unexplained:
        found.append(Found("hex-unexplained", shown, f"no feature has {', '.join(unexplained)}"))
    return named


def check_colours(
    caption: str, named: list[Feature], picture: Picture, tolerance: int, shown: str, found: list[Found]
) -> None:
    """The rules that hold codes and colour words against the sprite."""
    if "#" in caption:
        _absent(caption, named, picture, tolerance, shown, found)
        for feature in named:
            _named_rightly(feature, shown, found)
    if "background" in caption.lower():
        _background(caption, named, picture, tolerance, shown, found)


def _absent(
    caption: str, named: list[Feature], picture: Picture, tolerance: int, shown: str, found: list[Found]
) -> None:
    phrase = {feature.hex: feature.phrase for feature in named}
    for code, times in Counter(hex_codes(caption)).items():
        if has_colour(picture.colours, code, tolerance):
            continue
        colours = unpack(picture.colours)
        near = to_hex(colours[distance(colours, np.array(parse_hex(code), dtype=np.uint8)).argmin()])
        whose = f" of {quote(phrase[code], 60)}" if code in phrase else ""
        for occurrence in range(1, times + 1):
            which = f", {occurrence} of {times} times in this caption" if times > 1 else ""
            found.append(
                Found("hex-absent", shown, f"{code}{whose} is no colour of the sprite{which}; nearest is {near}")
            )


def has_colour(colours: NDArray[np.uint32], code: str, tolerance: int) -> bool:
    """Whether a code is among sorted colours (0xrrggbb), every channel within `tolerance` levels."""
    rgb = parse_hex(code)
    if tolerance == 0:
        value = rgb[0] << 16 | rgb[1] << 8 | rgb[2]
        at = int(np.searchsorted(colours, value))
        return at < len(colours) and int(colours[at]) == value
    off = np.abs(unpack(colours).astype(np.int16) - np.array(rgb, dtype=np.int16)).max(axis=1)
    return bool((off <= tolerance).any())


def _named_rightly(feature: Feature, shown: str, found: list[Found]) -> None:
    # A background's word and code are held to the border, one by one, by the rule `background`.
    if not BACKGROUND_LAST.search(feature.phrase) and disagree([parse_hex(feature.hex)], feature.phrase):
        is_really = nearest_name(parse_hex(feature.hex), SPOKEN)
        found.append(Found("hex-name", shown, f"{quote(feature.phrase)} has {feature.hex}, which is {is_really}"))


def colours_said(phrase: str) -> list[str]:
    """The colour words of a phrase, under the names in colour.NAMED, less those that mean skin or people."""
    plain = PEOPLE.sub(" ", phrase.lower())
    return [] if SKIN.search(plain) else colour_words(plain)


def disagree(colours: list[RGB], phrase: str) -> bool:
    """Whether a phrase names colours and none of `colours` bears any of them.

    In doubt it is no: `light` and `dark` widen a word's reach, words for skin and people are no colours of pixels
    (olive skin, black girl), and of several things in one phrase any may be meant.
    """
    said = colours_said(phrase)
    shifts = [0.0, *(shift for pattern, shift in SHADES if pattern.search(phrase.lower()))]
    return bool(said) and all(
        name_distance(rgb, word, shift) > REACH for rgb in colours for word in said for shift in shifts
    )


def _background(
    caption: str, named: list[Feature], picture: Picture, tolerance: int, shown: str, found: list[Found]
) -> None:
    colours = picture.border
    for feature in named:
        if not BACKGROUND_LAST.search(feature.phrase) or not has_colour(picture.colours, feature.hex, tolerance):
            continue
        if not has_colour(picture.border_codes, feature.hex, tolerance):
            really = _spoken([rgb for rgb, _ in colours[:3]])
            message = f"{quote(feature.phrase)} has {feature.hex}, but the sprite's border is {really}"
            found.append(Found("background", shown, message))
            return
    tag = background_tag(caption)
    kept = [rgb for rgb, share in colours if share >= LEAST_BACKGROUND] or [colours[0][0]]
    if tag and disagree(kept, BACKGROUND.split(tag)[0]):
        found.append(Found("background", shown, f"{quote(tag)}, but the sprite's border is {_spoken(kept[:3])}"))


def _spoken(colours: list[RGB]) -> str:
    return ", ".join(f"{to_hex(rgb)} ({nearest_name(rgb, SPOKEN)})" for rgb in colours)
