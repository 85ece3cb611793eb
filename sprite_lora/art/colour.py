"""Colours: hex codes, perceptual distance, and the words that captions use for them.

Distances are Euclidean in OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab), where black to white is 1.0
and about 0.02 is the least that an eye tells apart side by side.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sprite_lora.core.errors import SpriteLoraError

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


Lab = tuple[float, float, float]


@dataclass(frozen=True)
class Region:
    """A part of OKLCh that people give one word to: ranges of lightness, chroma and hue (degrees, may pass 360)."""

    lightness: tuple[float, float]
    chroma: tuple[float, float]
    hue: tuple[float, float] = (0, 360)

    @property
    def centre(self) -> Lab:
        """The middle of the region in OKLab; of all hues, a grey."""
        chroma = 0.0 if self.hue == (0, 360) else min(sum(self.chroma) / 2, 0.15)
        a, b = _polar(chroma, sum(self.hue) / 2)
        return sum(self.lightness) / 2, a, b

    def distance(self, lab: Lab) -> float:
        """From an OKLab colour to the nearest colour of the region; 0 inside."""
        light, a, b = lab
        off = light - min(max(light, self.lightness[0]), self.lightness[1])
        start, end = self.hue
        if (math.degrees(math.atan2(b, a)) - start) % 360 <= end - start:
            chroma = math.hypot(a, b)
            return math.hypot(off, chroma - min(max(chroma, self.chroma[0]), self.chroma[1]))
        return min(math.hypot(off, self._to_side(a, b, hue)) for hue in self.hue)

    def _to_side(self, a: float, b: float, hue: float) -> float:
        """In the chroma plane, to the region's side of one hue: to the foot on that ray, kept within the range."""
        along, up = _polar(1, hue)
        foot = min(max(a * along + b * up, self.chroma[0]), self.chroma[1])
        return math.hypot(a - foot * along, b - foot * up)


def _polar(chroma: float, hue: float) -> tuple[float, float]:
    return chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))


def _region(least: float, most: float, pale: float, strong: float, start: float = 0, end: float = 360) -> Region:
    return Region((least, most), (pale, strong), (start, end))


NAMED: dict[str, tuple[Region, ...]] = {
    "black": (_region(0, 0.36, 0, 0.045), _region(0, 0.20, 0, 0.4)),
    "white": (_region(0.87, 1, 0, 0.045),),
    "grey": (_region(0.28, 0.90, 0, 0.035),),
    "red": (_region(0.28, 0.70, 0.10, 0.4, 2, 38),),
    "orange": (_region(0.55, 0.88, 0.10, 0.4, 38, 78),),
    "yellow": (_region(0.70, 1, 0.07, 0.4, 78, 120),),
    "green": (_region(0.20, 1, 0.035, 0.4, 112, 182),),
    "blue": (_region(0.18, 0.95, 0.03, 0.4, 205, 292),),
    "purple": (_region(0.20, 0.88, 0.05, 0.4, 285, 342),),
    "pink": (_region(0.55, 0.96, 0.035, 0.4, 335, 385), _region(0.75, 0.96, 0.03, 0.12, 335, 400)),
    "brown": (_region(0.18, 0.70, 0.03, 0.16, 28, 92),),
    "cyan": (_region(0.50, 1, 0.05, 0.4, 180, 222),),
    "teal": (_region(0.30, 0.75, 0.03, 0.2, 170, 218),),
    "turquoise": (_region(0.50, 0.97, 0.05, 0.3, 165, 212),),
    "aqua": (_region(0.55, 1, 0.04, 0.3, 165, 222),),
    "maroon": (_region(0.15, 0.48, 0.05, 0.25, -15, 40),),
    "burgundy": (_region(0.15, 0.48, 0.05, 0.25, -20, 36),),
    "navy": (_region(0.10, 0.42, 0.03, 0.2, 240, 295),),
    "lavender": (_region(0.60, 0.97, 0.02, 0.16, 268, 332),),
    "violet": (_region(0.25, 0.85, 0.06, 0.4, 280, 335),),
    "lilac": (_region(0.60, 0.95, 0.03, 0.18, 288, 342),),
    "magenta": (_region(0.40, 0.82, 0.14, 0.4, 318, 368),),
    "gold": (_region(0.55, 0.97, 0.06, 0.3, 62, 108),),
    "silver": (_region(0.55, 0.95, 0, 0.03),),
    "beige": (_region(0.72, 0.98, 0.008, 0.075, 45, 112),),
    "cream": (_region(0.85, 1, 0.005, 0.09, 55, 116),),
    "tan": (_region(0.55, 0.87, 0.03, 0.12, 42, 92),),
    "peach": (_region(0.75, 0.97, 0.04, 0.14, 30, 82),),
    "coral": (_region(0.58, 0.86, 0.10, 0.3, 14, 52),),
    "salmon": (_region(0.58, 0.88, 0.06, 0.2, 8, 52),),
    "blonde": (_region(0.55, 1, 0.03, 0.22, 55, 112),),
    "hazel": (_region(0.30, 0.70, 0.03, 0.14, 40, 122),),
    "lime": (_region(0.60, 1, 0.09, 0.4, 110, 150),),
    "olive": (_region(0.30, 0.70, 0.03, 0.16, 92, 132),),
    "mint": (_region(0.72, 1, 0.03, 0.17, 145, 188),),
    "indigo": (_region(0.12, 0.50, 0.05, 0.4, 264, 312),),
    "crimson": (_region(0.33, 0.66, 0.12, 0.4, 0, 32),),
    "rust": (_region(0.35, 0.66, 0.07, 0.22, 25, 60),),
    "charcoal": (_region(0.15, 0.48, 0, 0.035),),
    "ivory": (_region(0.88, 1, 0.002, 0.06, 55, 122),),
    "copper": (_region(0.42, 0.76, 0.05, 0.18, 32, 72),),
    "ginger": (_region(0.45, 0.82, 0.07, 0.22, 35, 78),),
    "auburn": (_region(0.22, 0.56, 0.04, 0.18, 12, 52),),
    "amber": (_region(0.55, 0.92, 0.08, 0.3, 52, 98),),
    "raspberry": (_region(0.33, 0.70, 0.10, 0.4, -25, 22),),
    "ruby": (_region(0.33, 0.66, 0.12, 0.4, 0, 30),),
    "emerald": (_region(0.35, 0.85, 0.07, 0.4, 140, 178),),
}
"""Colour words to what people call so; neighbours overlap where people disagree. More words in SYNONYMS."""

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
    "eggshell": "cream",
    "fuchsia": "magenta",
    "scarlet": "crimson",
    "khaki": "tan",
    "azure": "cyan",
    "seafoam": "mint",
    "periwinkle": "lavender",
}
BASIC = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
"""The basic colour terms of English (Berlin and Kay 1969): what `nearest_name` answers with."""

REACH = 0.03
"""A colour bears a word when it lies within this of the word's region: little more than the eye tells apart."""


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


def oklab_quick(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`oklab` to about six digits, for sums over many pixels, in half the time."""
    lms = _LINEAR.astype(np.float32).take(rgb) @ _LINEAR_TO_LMS.T.astype(np.float32)
    np.cbrt(lms, out=lms)
    return np.asarray(lms @ _LMS_TO_LAB.T.astype(np.float32))


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Euclidean distance in OKLab of sRGB bytes (..., 3) and (..., 3), broadcast: 0 same, 1 black to white."""
    return np.asarray(np.linalg.norm(oklab(a) - oklab(b), axis=-1))


def canonical_name(word: str) -> str | None:
    """The word under which NAMED holds a colour (`gray` gives `grey`); None where it is no colour word."""
    word = word.lower()
    word = SYNONYMS.get(word, word)
    return word if word in NAMED else None


@lru_cache(maxsize=4096)
def _lab(rgb: RGB) -> Lab:
    light, a, b = oklab(np.array(rgb, dtype=np.uint8)).tolist()
    return light, a, b


@lru_cache(maxsize=16384)
def name_distance(rgb: RGB, word: str, lighter: float = 0.0) -> float:
    """Distance (OKLab) from a colour to the nearest that bears a colour word, 0 where it does itself.

    `lighter` is added to the colour's lightness first: the `blue` of a dark blue is sought among lighter colours.
    Raises KeyError for a word not in NAMED.
    """
    light, a, b = _lab(rgb)
    lab = light + lighter, a, b
    return min(region.distance(lab) for region in NAMED[SYNONYMS.get(word, word)])


def is_named(rgb: RGB, word: str) -> bool:
    """Whether people would accept this word for this colour. Raises KeyError for a word not in NAMED."""
    return name_distance((int(rgb[0]), int(rgb[1]), int(rgb[2])), word) <= REACH


def nearest_name(rgb: RGB, among: tuple[str, ...] = BASIC) -> str:
    """The colour word whose region is nearest; of several that hold the colour, the one whose centre is."""
    lab = _lab((int(rgb[0]), int(rgb[1]), int(rgb[2])))

    def fit(word: str) -> tuple[float, float]:
        regions = NAMED[word]
        centres = (math.dist(lab, region.centre) for region in regions)
        return min(region.distance(lab) for region in regions), min(centres)

    return min(among, key=fit)


def _linear(byte: NDArray[np.float64]) -> NDArray[np.float64]:
    value = byte / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear(np.arange(256, dtype=np.float64))
