"""A persona as a 24x24 sprite: hand-set maps coloured from a small palette, outlined, on its background."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from demo.portraits import face, hair, hats
from demo.portraits.persona import BACKGROUNDS, CLOTH, EYES, HAIR, LIPS, METAL, RGB, SKIN, Persona

SIZE = 24
LINE: RGB = (28, 22, 34)
WHITE: RGB = (248, 248, 248)

Ink = dict[tuple[int, int], RGB]  # (row, column) -> colour


def draw(someone: Persona) -> NDArray[np.uint8]:
    """The sprite of a persona: uint8 (24, 24, 3)."""
    ink = _person(someone)
    picture = background(someone.background, someone.background_kind)
    for row, column in _rim(ink):
        picture[row, column] = LINE
    for (row, column), colour in ink.items():
        picture[row, column] = colour
    return picture


def background(word: str, kind: str) -> NDArray[np.uint8]:
    """A background whose most frequent colour, everywhere and on its border, is `BACKGROUNDS[word]`."""
    base = BACKGROUNDS[word]
    second = _darker(base, 0.84) if sum(base) > 240 else _lighter(base, 0.14)
    row, column = np.mgrid[0:SIZE, 0:SIZE]
    marked = {
        "solid": np.zeros((SIZE, SIZE), bool),
        # The named tone's squares are a little larger, and stripes keep off the edges, so that it leads there too.
        "checkered": (row % 7 >= 4) ^ (column % 7 >= 4),
        "striped": (column - 2) % 6 < 2,
        "dotted": (row % 4 == 1) & ((column + 2 * (row // 4 % 2)) % 4 == 1),
        "brick": (row % 4 == 3) | ((column + 4 * (row // 4 % 2)) % 8 == 7),
    }[kind]
    return np.where(marked[..., None], np.array(second), np.array(base)).astype(np.uint8)


def _person(someone: Persona) -> Ink:
    """Everything in front of the background, outline excepted."""
    skin = _tones("sSdD", SKIN[someone.skin])
    cloth = _tones("cCbB", CLOTH[someone.shirt_colour])
    locks = _tones("hHk", HAIR[someone.hair])
    trim = _contrast(CLOTH[someone.shirt_colour])
    ink: Ink = {}
    _stamp(ink, face.SHIRTS[someone.shirt], skin | cloth | {"a": trim, "l": CLOTH["red"] if trim == WHITE else LINE})
    _stamp(ink, face.HEAD[someone.kind], skin)
    if someone.freckles:
        _stamp(ink, face.FRECKLES, skin)
    _stamp(ink, face.NOSE, skin)
    if someone.beard:
        _stamp(ink, face.BEARDS[someone.beard], locks | skin)
    lips = LIPS[someone.lipstick] if someone.lipstick else _blend(skin["d"], (176, 48, 64), 0.45)
    _stamp(ink, face.MOUTHS[someone.expression], {"m": lips, "w": WHITE})
    # Lashes and frames would run together: behind glasses everyone has the plainer eyes.
    eyes = face.EYES["lad" if someone.glasses else someone.kind]
    _stamp(ink, eyes, {"l": LINE, "v": _darker(locks["h"], 0.45), "w": WHITE, "i": EYES[someone.eyes]})
    if someone.glasses:
        frame = CLOTH[someone.glasses_colour]
        _stamp(ink, face.GLASSES[someone.glasses], {"l": frame, "G": _lighter(frame, 0.5)})
    if someone.hair_shown:
        first = hats.BRIM[someone.hat] if someone.hat else 0
        _stamp(ink, (0, hair.STYLES[someone.hair_style]), locks, first)
    if someone.hat:
        felt = METAL["gold"] if someone.hat == "crown" else CLOTH[someone.hat_colour]
        trim = _contrast(felt)
        _stamp(
            ink,
            (0, hats.HATS[someone.hat]),
            _tones("cCbB", felt) | {"a": trim, "A": _darker(trim, 0.8), "g": METAL["ruby"], "G": METAL["emerald"]},
        )
    if someone.earrings:
        gem = METAL[someone.earrings]
        _stamp(ink, (14, (".....e..................", ".....f..................")), {"e": gem, "f": _darker(gem, 0.75)})
    return ink


def _stamp(ink: Ink, shape: tuple[int, Sequence[str]], palette: Mapping[str, RGB], first: int = 0) -> None:
    """Lay a map over the ink; rows above sprite row `first` are left out."""
    top, rows = shape
    for row, letters in enumerate(rows, top):
        for column, letter in enumerate(letters):
            if letter != "." and row >= first:
                ink[row, column] = palette[letter]


def _rim(ink: Ink) -> set[tuple[int, int]]:
    """The empty cells that share an edge with an inked one."""
    around = {(r + dr, c + dc) for r, c in ink for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0))}
    return {(r, c) for r, c in around - ink.keys() if 0 <= r < SIZE and 0 <= c < SIZE}


def _tones(letters: str, base: RGB) -> dict[str, RGB]:
    """A colour with its light, its shade and (with a fourth letter) its deepest shade."""
    tones = (base, _lighter(base, 0.28), _darker(base, 0.76), _darker(base, 0.55))
    return dict(zip(letters, tones, strict=False))


def _contrast(colour: RGB) -> RGB:
    """White on dark cloth, near-black on light cloth."""
    return WHITE if sum(colour) < 480 else CLOTH["black"]


def _lighter(colour: RGB, share: float) -> RGB:
    return _blend(colour, (255, 250, 224), share)


def _darker(colour: RGB, share: float) -> RGB:
    """Towards a violet shadow, as painters do, not towards gray."""
    return _blend((24, 12, 44), colour, share)


def _blend(one: RGB, other: RGB, share: float) -> RGB:
    """`share` of the other colour in the one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
