"""Colours: hex codes, perceptual distance, and the words that captions use for them.

Distances are Euclidean in OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab), where black to white is 1.0
and about 0.02 is the least that an eye tells apart side by side.
"""

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stages.errors import SpriteLoraError

RGB = tuple[int, int, int]

HEX = re.compile(r"#([0-9a-fA-F]{6})\Z")

_LINEAR_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

_EXEMPLARS = {
    "black": "000000 1c1c1c 2b2b2b 14141e 1e1410",
    "white": "ffffff f2f2f2 e6e6e6 fdf6e3 f0f4f8",
    "grey": "383838 505050 686868 808080 989898 b0b0b0 c8c8c8 d8d8d8 788090 908880",
    "red": "ff0000 d00000 a00000 780000 e63946 b22222 c83c3c d70051 e05048 901828",
    "orange": "ff8000 ff6a00 e07020 ffa040 c86414 ffb060 f08850 d88040",
    "yellow": "ffff00 ffe040 e0c820 fff080 c8b040 ffd040 fcfe66 fff8b0 e8d880",
    "green": "00ff00 00c000 008000 40a040 006400 80d080 b0e0a0 6b8e23 2e8b57 03dc73 c8f0c8 1c3c1c 98c820 a0b088 708060",
    "blue": "0000ff 0000a8 000080 2060c0 4080ff 80b0ff a0d0ff 6090c0 203060 00a0ff c8e4ff 5c6c9c 101848 8098c8 5870d8",
    "purple": "800080 6020a0 9040e0 a060c0 c090e0 502068 d8b8f0 400060 a040a0 7058a8 c060e0 685088",
    "pink": "ffc0cb ff80c0 ff40a0 e06090 f8a8b8 ff00a0 ffb0e0 d87898 ffd8e0 e8a0c8 c86080",
    "brown": "8b4513 5c3317 3c2010 a0673c c08a5c 70482c 2c1808 906848 b07850 a76857 4a3828 604838 b05030 7c3c24",
    "cyan": "00ffff 00c8d8 60e0e8 a0f0f0 20b0c0 80d0d8 008b9b",
    "teal": "008080 006060 209090 40a8a0 5cb0b0 305f60",
    "turquoise": "40e0d0 20c0b0 00a898 80e8d8",
    "aqua": "00ffff 60e0e8 80e8e0 40c8c8 a0f0e8",
    "maroon": "800000 600010 701828 903038 500818",
    "burgundy": "800020 600018 903048 701028",
    "navy": "000080 101848 182048 203060 000050",
    "lavender": "d8b8f0 b8a0e0 c8c0f0 e6e0fa a890d0",
    "violet": "8000ff 9040e0 7030c0 b070f0 5820a0",
    "lilac": "d0b0e0 c090e0 b8a0e0",
    "magenta": "ff00ff d000c0 e020a0 c03090",
    "gold": "ffd700 e0b020 c89820 ffd040 d4a840 b88820 e8c860",
    "silver": "c0c0c0 a8a8b0 d0d4d8 909498",
    "beige": "f5f5dc e8d8b8 d8c8a8 f0e0c8 c8b898",
    "cream": "fffdd0 f8f0d8 f0e8c0 fff4e0",
    "tan": "d2b48c c8a078 b89068 e0c09c b08458",
    "peach": "ffdab9 ffc8a0 f8b090 ffe0c8",
    "coral": "ff7f50 f88070 e86858 ff9080",
    "salmon": "fa8072 f09080 e88878 ffa090",
    "blonde": "f8e8a0 e8d080 d8b868 c8a058 fff0c0 e0c898 b89050 a88850 f0d898 ffe060",
    "hazel": "8e7618 907040 a08050 786030 6c5c34 b09058",
    "lime": "80ff00 a0e020 c0ff40 98c820 00ff00 6ae745",
    "olive": "808000 6b8e23 605c20 989040 485020",
    "mint": "98ffc8 b0f0d0 a0e0c0 70d8b0",
    "indigo": "4b0082 3c1c90 5038b0 2c1068",
    "crimson": "dc143c b01030 d02848 900c28",
    "rust": "b7410e a04820 c05828 88380c",
    "charcoal": "36454f 404040 2c2c30 484c50",
    "ivory": "fffff0 f8f4e0 f0ead8",
    "copper": "b87333 c06840 a05c30 d08850",
    "ginger": "b06020 c87030 d88840 a04c18",
    "auburn": "a52a2a 803020 6c2818 904028",
}
SYNONYMS = {
    "gray": "grey",
    "greyish": "grey",
    "grayish": "grey",
    "golden": "gold",
    "blond": "blonde",
    "bluish": "blue",
    "greenish": "green",
    "reddish": "red",
    "yellowish": "yellow",
    "pinkish": "pink",
    "purplish": "purple",
    "brownish": "brown",
    "creme": "cream",
    "fuchsia": "magenta",
    "scarlet": "crimson",
    "khaki": "tan",
    "azure": "cyan",
    "seafoam": "mint",
    "emerald": "green",
}
BASIC = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
"""The basic colour terms of English (Berlin and Kay 1969): what `nearest_name` answers with."""

REACH = 0.12
"""A colour bears a word when it lies within this of one of the word's examples.

The examples of one basic term lie up to 0.2 apart, so that neighbours overlap at the borders where people disagree
(teal is blue to some, green to others), while opposites (a black shirt in pale pink) lie 0.3 and more outside.
"""


def parse_hex(code: str) -> RGB:
    """`#rrggbb` to three bytes; the hash is needed. Raises SpriteLoraError otherwise."""
    match = HEX.match(code)
    if not match:
        raise SpriteLoraError(f"{code!r} is not a colour: a hash and six hex digits are, like #a0c8ff")
    value = int(match[1], 16)
    return value >> 16, value >> 8 & 255, value & 255


def to_hex(rgb: tuple[int, int, int] | NDArray[np.uint8]) -> str:
    """Three bytes to `#rrggbb`."""
    red, green, blue = (int(channel) for channel in rgb)
    return f"#{red:02x}{green:02x}{blue:02x}"


def oklab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """sRGB bytes (..., 3) to OKLab (..., 3): lightness 0 to 1, then green-red and blue-yellow, about -0.4 to 0.4."""
    lms: NDArray[np.float64] = _LINEAR[np.asarray(rgb, dtype=np.uint8)] @ _LINEAR_TO_LMS.T
    return np.asarray(np.cbrt(lms) @ _LMS_TO_LAB.T)


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Euclidean distance in OKLab of sRGB bytes (..., 3) and (..., 3), broadcast: 0 same, 1 black to white."""
    return np.asarray(np.linalg.norm(oklab(a) - oklab(b), axis=-1))


def canonical_name(word: str) -> str | None:
    """The word under which NAMED holds a colour (`gray` gives `grey`); None where it is no colour word."""
    word = word.lower()
    word = SYNONYMS.get(word, word)
    return word if word in NAMED else None


@lru_cache(maxsize=65536)
def name_distance(rgb: RGB, word: str) -> float:
    """Distance from a colour to the nearest example of a colour word. Raises KeyError for a word not in NAMED."""
    return float(
        np.linalg.norm(_NAMED_LAB[SYNONYMS.get(word, word)] - oklab(np.array(rgb, dtype=np.uint8)), axis=1).min()
    )


def is_named(rgb: RGB, word: str) -> bool:
    """Whether people would accept this word for this colour. Raises KeyError for a word not in NAMED."""
    return name_distance((int(rgb[0]), int(rgb[1]), int(rgb[2])), word) <= REACH


def nearest_name(rgb: RGB) -> str:
    """The basic colour term whose examples lie nearest."""
    return min(BASIC, key=lambda word: name_distance((int(rgb[0]), int(rgb[1]), int(rgb[2])), word))


def _linear(byte: NDArray[np.float64]) -> NDArray[np.float64]:
    value = byte / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear(np.arange(256, dtype=np.float64))

NAMED: dict[str, tuple[RGB, ...]] = {
    word: tuple(parse_hex(f"#{code}") for code in codes.split()) for word, codes in _EXEMPLARS.items()
}
"""Colour words to examples of what people call so; more words in SYNONYMS."""

_NAMED_LAB = {word: oklab(np.array(examples, dtype=np.uint8)) for word, examples in NAMED.items()}
