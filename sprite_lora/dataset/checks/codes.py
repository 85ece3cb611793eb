"""The rules on colour codes and colour words, against the sprite's own pixels."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import BASIC, REACH, RGB, distance, name_distance, nearest_name, parse_hex, to_hex
from sprite_lora.art.sprite import unpack
from sprite_lora.dataset.caption import BACKGROUND, BACKGROUND_LAST, Feature, background_tag, colour_words, hex_codes
from sprite_lora.dataset.checks.caption_rule import Caption, CaptionRule
from sprite_lora.dataset.checks.finding import quote

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


def invalid_codes(caption: Caption) -> Iterator[str]:
    """A hash without six hex digits."""
    for code in HASHED.findall(caption.text):
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", code):
            yield f"{quote(code)} is no hash with six hex digits"


def shared_codes(caption: Caption) -> Iterator[str]:
    """One code for two features."""
    for code, phrases in phrases_by_code(caption.features).items():
        if len(phrases) > 1:
            yield f"{code} is said of {' and of '.join(quote(phrase, 60) for phrase in phrases)}"


def repeated_codes(caption: Caption) -> Iterator[str]:
    """A code more than once outside of features."""
    repeated = [f"{code} ({count} times)" for code, count in caption.bare_codes.items() if count > 1]
    if repeated:
        yield f"in a list of codes: {', '.join(repeated)}"


def unexplained_codes(caption: Caption) -> Iterator[str]:
    """A code that no feature has."""
    explained = {feature.code for feature in caption.features}
    unexplained = [code for code in caption.bare_codes if code not in explained]
    if unexplained:
        yield f"no feature has {', '.join(unexplained)}"


def absent_codes(caption: Caption) -> Iterator[str]:
    """A code that is no colour of the sprite."""
    if not caption.sprite or "#" not in caption.text:
        return
    phrase = {feature.code: feature.phrase for feature in caption.features}
    for code, times in Counter(hex_codes(caption.text)).items():
        if has_colour(caption.sprite.colours, code, caption.settings.hex_tolerance):
            continue
        colours = unpack(caption.sprite.colours)
        near = to_hex(colours[distance(colours, np.array(parse_hex(code), dtype=np.uint8)).argmin()])
        whose = f" of {quote(phrase[code], 60)}" if code in phrase else ""
        for occurrence in range(1, times + 1):
            which = f", {occurrence} of {times} times in this caption" if times > 1 else ""
            yield f"{code}{whose} is no colour of the sprite{which}; nearest is {near}"


def contradicted_codes(caption: Caption) -> Iterator[str]:
    """A feature's colour words name another colour than its code."""
    # Without a sprite the pair is an error anyway. `wrong_background` holds a background's code against the border.
    for feature in caption.features if caption.sprite else ():
        rgb = parse_hex(feature.code)
        if not BACKGROUND_LAST.search(feature.phrase) and disagree([rgb], feature.phrase):
            yield f"{quote(feature.phrase)} has {feature.code}, which is {nearest_name(rgb, SPOKEN)}"


def wrong_background(caption: Caption) -> Iterator[str]:
    """The background's code or colour word is not what the sprite's border shows: one message at most."""
    sprite, tolerance = caption.sprite, caption.settings.hex_tolerance
    if not sprite or "background" not in caption.text.lower():
        return
    for feature in caption.features:
        if (
            BACKGROUND_LAST.search(feature.phrase)
            and has_colour(sprite.colours, feature.code, tolerance)
            and not has_colour(sprite.border_colours, feature.code, tolerance)
        ):
            really = _spoken(rgb for rgb, _ in sprite.border[:3])
            yield f"{quote(feature.phrase)} has {feature.code}, but the sprite's border is {really}"
            return
    tag = background_tag(caption.text)
    wide = [rgb for rgb, share in sprite.border if share >= LEAST_BACKGROUND] or [sprite.border[0][0]]
    if tag and disagree(wide, BACKGROUND.split(tag)[0]):
        yield f"{quote(tag)}, but the sprite's border is {_spoken(wide[:3])}"


CODE_RULES: dict[str, CaptionRule] = {
    "hex-invalid": invalid_codes,
    "hex-shared": shared_codes,
    "hex-duplicate": repeated_codes,
    "hex-unexplained": unexplained_codes,
    "hex-absent": absent_codes,
    "hex-name": contradicted_codes,
    "background": wrong_background,
}


def phrases_by_code(features: Iterable[Feature]) -> dict[str, list[str]]:
    """Each code with the different phrases that carry it, in order."""
    phrases: dict[str, dict[str, None]] = defaultdict(dict)
    for feature in features:
        phrases[feature.code][feature.phrase] = None
    return {code: list(different) for code, different in phrases.items()}


def has_colour(colours: NDArray[np.uint32], code: str, tolerance: int) -> bool:
    """Whether a code is among sorted colours (0xrrggbb), every channel within `tolerance` levels."""
    rgb = parse_hex(code)
    if tolerance == 0:
        value = rgb[0] << 16 | rgb[1] << 8 | rgb[2]
        at = int(np.searchsorted(colours, value))
        return at < len(colours) and int(colours[at]) == value
    off = np.abs(unpack(colours).astype(np.int16) - np.array(rgb, dtype=np.int16)).max(axis=1)
    return bool((off <= tolerance).any())


def stated_colours(phrase: str) -> list[str]:
    """The colour words of a phrase, under the names in colour.NAMED, less those that mean skin or people."""
    plain = PEOPLE.sub(" ", phrase.lower())
    return [] if SKIN.search(plain) else colour_words(plain)


def disagree(colours: list[RGB], phrase: str) -> bool:
    """Whether a phrase names colours and none of `colours` bears any of them.

    In doubt it is no: `light` and `dark` widen a word's reach, words for skin and people are no colours of pixels
    (olive skin, black girl), and of several things in one phrase any may be meant.
    """
    stated = stated_colours(phrase)
    shifts = [0.0, *(shift for pattern, shift in SHADES if pattern.search(phrase.lower()))]
    return bool(stated) and all(
        name_distance(rgb, word, shift) > REACH for rgb in colours for word in stated for shift in shifts
    )


def _spoken(colours: Iterable[RGB]) -> str:
    return ", ".join(f"{to_hex(rgb)} ({nearest_name(rgb, SPOKEN)})" for rgb in colours)
