"""Sprites spoiled on purpose: what a score must not let pass. Cells (height, width, 3) in, cells out.

Boxes are those of portraits on 24x24 cells, where the face fills the middle.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sprite_lora.art.colour import oklab
from sprite_lora.art.sprite import Pixels
from sprite_lora.art.word_fit import WORDS, word_fits

Random = np.random.Generator

FACE = slice(8, 20), slice(7, 17)
EYE = slice(10, 14), slice(8, 12)
MOUTH = slice(15, 20), slice(9, 16)
BLOCK = 3
"""Cells: side of the squares that change places in a garbled face."""


def shuffled(cells: Pixels, random: Random) -> Pixels:
    """Every cell somewhere else."""
    return random.permutation(cells.reshape(-1, 3)).reshape(cells.shape)


def noise(cells: Pixels, random: Random) -> Pixels:
    """Every cell any colour."""
    return random.integers(0, 256, cells.shape).astype(np.uint8)


def upside_down(cells: Pixels, _random: Random) -> Pixels:
    return cells[::-1]


def recoloured(cells: Pixels, random: Random) -> Pixels:
    """Every colour another one, whichever."""
    colours, number = np.unique(cells.reshape(-1, 3), axis=0, return_inverse=True)
    return random.integers(0, 256, colours.shape).astype(np.uint8)[number].reshape(cells.shape)


def face_shuffled(cells: Pixels, random: Random) -> Pixels:
    return _in(FACE, cells, lambda face: random.permutation(face.reshape(-1, 3)).reshape(face.shape))


def face_upside_down(cells: Pixels, _random: Random) -> Pixels:
    return _in(FACE, cells, lambda face: face[::-1])


def face_wiped(cells: Pixels, _random: Random) -> Pixels:
    return _in(FACE, cells, _commonest)


def face_garbled(cells: Pixels, random: Random) -> Pixels:
    """Squares of three cells change places."""
    rows, columns = FACE
    places = [
        (row, column)
        for row in range(rows.start, rows.stop - BLOCK + 1, BLOCK)
        for column in range(columns.start, columns.stop - BLOCK + 1, BLOCK)
    ]
    changed = cells.copy()
    for (row, column), other in zip(places, random.permutation(len(places)), strict=True):
        from_row, from_column = places[other]
        block = cells[from_row : from_row + BLOCK, from_column : from_column + BLOCK]
        changed[row : row + BLOCK, column : column + BLOCK] = block
    return changed


def eye_gone(cells: Pixels, _random: Random) -> Pixels:
    """Its cells take the cheek's colour."""
    return _in(EYE, cells, lambda eye: np.broadcast_to(_mode(cells[14:17, 8:12]), eye.shape))


def mouth_gone(cells: Pixels, _random: Random) -> Pixels:
    """Its cells take the colour between nose and mouth."""
    return _in(MOUTH, cells, lambda mouth: np.broadcast_to(_mode(cells[13:16, 9:16]), mouth.shape))


def other_background(cells: Pixels, word: str) -> Pixels:
    """The commonest colour of the two top rows becomes one that the word does not name."""
    colour = _mode(cells[:2])
    changed = cells.copy()
    changed[(cells == colour).all(axis=2)] = _other(word)
    return changed


def other_hair(cells: Pixels, word: str) -> Pixels | None:
    """What bears the word above and beside the face becomes another colour, its shades kept; None where little does."""
    colours, number = np.unique(cells.reshape(-1, 3), axis=0, return_inverse=True)
    hair = (word_fits(oklab(colours))[:, WORDS.index(word)] > 0.5)[number].reshape(cells.shape[:2])
    hair[14:, 7:17] = False
    if hair.sum() < 15:
        return None
    light = oklab(cells)[..., :1]
    shades = np.clip(np.array(_other(word)) * (0.5 + 0.7 * light), 0, 255)
    return np.where(hair[..., None], shades, cells).astype(np.uint8)


def photograph(_cells: Pixels, random: Random, side: int = 192) -> Pixels:
    """Smooth colours of several sizes, as a photograph out of focus has them."""
    total = np.zeros((side, side, 3))
    for size in (4, 8, 16, 32):
        blocks = Image.fromarray((random.random((size, size, 3)) * 255).astype(np.uint8))
        total += np.asarray(blocks.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64) / size
    return np.asarray((total - total.min()) / np.ptp(total) * 255, dtype=np.uint8)


def pixelated(cells: Pixels, random: Random) -> Pixels:
    """A photograph of as many cells, in twelve colours."""
    small = Image.fromarray(photograph(cells, random)).resize(cells.shape[1::-1], Image.Resampling.BOX)
    return np.asarray(small.quantize(12).convert("RGB"))


WHOLE: tuple[Callable[[Pixels, Random], Pixels], ...] = (
    shuffled,
    noise,
    upside_down,
    recoloured,
    face_shuffled,
    face_upside_down,
    face_wiped,
    face_garbled,
    photograph,
    pixelated,
)
"""Nobody would take these for sprites of the set."""

PARTS: tuple[Callable[[Pixels, Random], Pixels], ...] = (eye_gone, mouth_gone)

COLOURS: dict[str, Callable[[Pixels, str], Pixels | None]] = {"hair": other_hair, "background": other_background}
"""Thing to what draws it in another colour than the word names."""


def _in(box: tuple[slice, slice], cells: Pixels, change: Callable[[Pixels], NDArray[np.uint8]]) -> Pixels:
    changed = cells.copy()
    changed[box] = change(cells[box])
    return changed


def _commonest(cells: Pixels) -> Pixels:
    return np.broadcast_to(_mode(cells), cells.shape)


def _mode(cells: Pixels) -> NDArray[np.uint8]:
    colours, counts = np.unique(cells.reshape(-1, 3), axis=0, return_counts=True)
    return np.asarray(colours[counts.argmax()])


def _other(word: str) -> tuple[int, int, int]:
    """A colour that the word does not name."""
    return (200, 60, 170) if word in ("green", "lime", "teal", "olive", "mint", "emerald") else (60, 190, 60)
