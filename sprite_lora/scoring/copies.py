"""Is a picture a copy of a training sprite: moved by up to two cells, mirrored, recoloured, with cells changed?

Two steps, so that thousands of pictures are held against thousands of sprites. First the contours, which recolouring
leaves alone, are correlated with those of all sprites, for all moves at once (one matrix product). Then the few best
pairs of sprite and move are compared cell by cell, in their colours and, for a recoloured copy, as partitions: whether
each colour of the one stands where one colour of the other does. Cells that differ one by one count as changed by
chance or on purpose; those most of whose neighbours differ too make another picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import oklab
from sprite_lora.scoring.metric import EpochMetric
from sprite_lora.scoring.rim import rim
from sprite_lora.scoring.view import View

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Kind = TypeVar("Kind", bound=np.generic)
Numbers = NDArray[np.intp]

REACH = 2
"""Cells by which a copy may be moved, up, down, left and right."""

PAIRS = 16
"""Pairs of a sprite and a move that are compared cell by cell."""

COARSE = 32
"""Cells per side at which contours are correlated, at most; finer pictures are pooled."""

MOST_COLOURS = 64
"""Colours of a partition; cells of the rarer ones count as changed."""

MOST_RECOLOURED = 0.1
"""Share of the training sprites that may be recolourings of others, by chance or as an artist's variants."""

SAID = 0.1
"""How much of a copy a picture must be for its way of being one to be named."""


def figure_mask(cells: Numbers, rim: Numbers) -> Mask:
    """Cells of a sprite that are not in its background's colour, the most frequent one of its rim.

    `cells` are palette indices (rows, columns), `rim` those of the rim. All cells where that leaves less than a tenth,
    as in a sprite whose figure has the background's colour.
    """
    figure = np.asarray(cells != np.bincount(rim).argmax())
    return figure if figure.mean() >= 0.1 else np.ones_like(figure)


class Likeness(NamedTuple):
    """How near a picture comes to one training sprite."""

    number: int
    """The sprite's, in the bank."""
    plain: float
    """Share of the sprite's figure that the picture draws in other colours, 0 to 1; single cells don't count."""
    recoloured: float
    """Share of it whose colours don't follow from the sprite's, one to one, 0 to 1."""
    mirrored: bool
    moved: tuple[int, int]
    """Cells down and across."""


@dataclass(frozen=True)
class Bank:
    """The training sprites, ready to be compared with."""

    lab: Floats
    """(sprites, rows, columns, 3) OKLab of the cells."""
    colours: Numbers
    """(sprites, rows, columns) each cell's colour, as its number in the sprite's palette."""
    palettes: Floats
    """(sprites, MOST_COLOURS, 3) OKLab of those colours."""
    figures: Mask
    """(sprites, rows, columns): which cells are not background."""
    contours: Floats
    """(sprites, places), each of mean 0 and length 1."""
    tolerance: float
    """OKLab distance below which cells count as equal."""

    def likenesses(self, view: View, leave_out: int = -1) -> list[Likeness]:
        """The most similar sprites, each in the move that fits best, as far as contours tell. One may be left out."""
        fit = _moved_contours(view) @ self.contours.T
        if leave_out >= 0:
            fit[:, leave_out] = -np.inf
        best = np.argpartition(-fit, min(PAIRS, fit.size) - 1, axis=None)[:PAIRS]
        move, sprite = np.unravel_index(best, fit.shape)
        keep = np.isfinite(fit[move, sprite])
        return self._compared(view, move[keep], sprite[keep])

    def _compared(self, view: View, move: Numbers, sprite: Numbers) -> list[Likeness]:
        across, down, mirror = move % _WAYS, move // _WAYS % _WAYS, move // _WAYS**2
        colours = _moves(np.minimum(view.palette.cells, MOST_COLOURS - 1), -1)[mirror, down, across]
        lab = _moves(view.cells_lab.astype(np.float32), 0)[mirror, down, across]
        counted = self.figures[sprite] & (colours >= 0)
        gap = self.lab[sprite] - lab.transpose(0, 2, 3, 1)
        plain = _apart(np.einsum("...i,...i->...", gap, gap) > self.tolerance**2, counted)
        unlike = _unlike(colours, self.colours[sprite], (_palette(view)[None], self.palettes[sprite]), counted)
        recoloured = _apart(~(unlike <= self.tolerance), counted)
        return [
            Likeness(int(s), float(p), float(r), bool(m), (REACH - int(d), REACH - int(a)))
            for s, p, r, m, d, a in zip(sprite, plain, recoloured, mirror, down, across, strict=True)
        ]


_WAYS = 2 * REACH + 1


def bank(views: Sequence[View], tolerance: float) -> Bank:
    """Gather the views of one or more sprites; `tolerance` is the OKLab distance below which cells count as equal."""
    middle = _WAYS**2 // 2
    return Bank(
        lab=np.array([view.cells_lab for view in views], dtype=np.float32),
        colours=np.array([np.minimum(view.palette.cells, MOST_COLOURS - 1) for view in views]),
        palettes=np.array([_palette(view) for view in views]),
        figures=np.array([figure_mask(view.palette.cells, rim(view.palette.cells)) for view in views]),
        contours=np.array([_moved_contours(view)[middle] for view in views]),
        tolerance=tolerance,
    )


def _moves(cells: NDArray[Kind], outside: int) -> NDArray[Kind]:
    """(rows, columns, ...) to (2, 5, 5, ..., rows, columns): as it is and mirrored, moved down and across."""
    rows, columns = cells.shape[:2]
    both = np.stack([cells, cells[:, ::-1]])
    edge = [(0, 0), (REACH, REACH), (REACH, REACH), *[(0, 0)] * (cells.ndim - 2)]
    padded = np.pad(both, edge, constant_values=outside)
    return np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(1, 2))


def _moved_contours(view: View) -> Floats:
    """(moves, places): the contours of each move, pooled, of mean 0 and length 1; in the order of `_moves`."""
    rows, columns = view.cells.shape[:2]
    half = (rows - 1) * columns
    drawn = np.zeros((rows, columns, 2), dtype=np.float32)
    drawn[:-1, :, 0] = view.contours[:half].reshape(rows - 1, columns)
    drawn[:, :-1, 1] = view.contours[half:].reshape(rows, columns - 1)
    moved = _moves(drawn, 0).copy()
    # Mirrored, a contour on a cell's right stands on its left: on the right of the cell before.
    moved[1, :, :, 1, :, :-1] = moved[1, :, :, 1, :, 1:]
    size = -(-max(rows, columns) // COARSE)
    rows, columns = rows // size * size, columns // size * size
    pooled = moved[..., :rows, :columns].reshape(2 * _WAYS**2, 2, rows // size, size, columns // size, size)
    places = pooled.mean(axis=(3, 5)).reshape(2 * _WAYS**2, -1)
    places -= places.mean(axis=1, keepdims=True)
    return np.asarray(places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9))


def _palette(view: View) -> Floats:
    """(MOST_COLOURS, 3) OKLab; the last one is far from all others, and from itself, since it stands for several."""
    palette = np.full((MOST_COLOURS, 3), np.nan, dtype=np.float32)
    found = oklab(view.palette.colours[: MOST_COLOURS - 1])
    palette[: len(found)] = found
    return palette


def _unlike(drawn: Numbers, wanted: Numbers, palettes: tuple[Floats, Floats], counted: Mask) -> Floats:
    """How far (OKLab) each cell is from a recolouring that takes each colour to one, and back; nan where it is rare.

    `drawn` and `wanted` are (pairs, rows, columns), numbers of colours of `palettes`. The recolouring takes a colour to
    the one that most of its cells have; a cell is as far from it as its colour is from that one, in either direction.
    """
    pair = np.arange(len(drawn))[:, None, None]
    both = (pair * MOST_COLOURS + drawn) * MOST_COLOURS + wanted
    size = len(drawn) * MOST_COLOURS**2
    together = np.bincount(both[counted], minlength=size).reshape(-1, MOST_COLOURS, MOST_COLOURS)
    forth, back = together.argmax(axis=1), together.argmax(axis=2)
    own, other = palettes
    first = np.zeros_like(pair) if len(own) == 1 else pair
    gaps = own[first, forth[pair, wanted]] - own[first, drawn], other[pair, back[pair, drawn]] - other[pair, wanted]
    return np.asarray(np.sqrt(np.maximum(*(np.einsum("...i,...i->...", gap, gap) for gap in gaps))))


def _apart(differs: Mask, counted: Mask) -> NDArray[np.float64]:
    """Of the counted cells, the share most of whose 3x3 neighbourhood differs; 1 where none is counted."""
    different = (_around(differs & counted) * 2 > _around(counted)) & counted
    total = counted.sum(axis=(1, 2))
    return np.where(total > 0, different.sum(axis=(1, 2)) / np.maximum(total, 1), 1.0)


def _around(mask: Mask) -> NDArray[np.int8]:
    """How many cells of each 3x3 neighbourhood are set, at the edges of what there is of it."""
    wide = np.pad(mask.astype(np.int8), [(0, 0), (1, 1), (1, 1)])
    down = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    return np.asarray(down[..., :-2] + down[..., 1:-1] + down[..., 2:])


class Limits(NamedTuple):
    """Nearer to a sprite than this is a copy, shares of its figure as in Likeness."""

    plain: float
    recoloured: float | None
    """None where sprites themselves are recolourings of one another: then that is no sign of a copy."""


def limits(left_out: Sequence[Sequence[Likeness]], share: float) -> Limits:
    """What sprites say that are held against all others: `share` of the median distance to the nearest of them."""
    plain = np.array([min(one.plain for one in found) for found in left_out])
    recoloured = np.array([min(one.recoloured for one in found) for found in left_out])
    both = share * float(np.median(plain)), share * float(np.median(recoloured))
    only_recoloured = (recoloured <= both[1]) & (plain > both[0])
    return Limits(both[0], None if only_recoloured.mean() > MOST_RECOLOURED else both[1])


class Copy(NamedTuple):
    """The sprite that a picture comes nearest to."""

    copied: float
    """How much of a copy, 0 to 1."""
    distance: float
    """Share of the sprite's figure that is drawn otherwise, 0 to 1."""
    stem: str
    how: str
    """`mirrored`, `shifted`, `recoloured`, or several; empty where it stands as it is, or is no copy."""


def nearest(found: Sequence[Likeness], limits: Limits, stems: Sequence[str]) -> Copy:
    """The likeness that is most of a copy; of several the nearest, those in the sprite's own colours first."""
    ways = [(copied(one.plain, limits.plain), -one.plain, one, False) for one in found]
    if limits.recoloured is not None:
        ways += [(copied(one.recoloured, limits.recoloured), -one.recoloured, one, True) for one in found]
    share, distance, one, recoloured = max(ways, key=lambda way: (way[0], not way[3], way[1]))
    words = [("mirrored", one.mirrored), ("shifted", one.moved != (0, 0)), ("recoloured", recoloured)]
    how = " and ".join(word for word, so in words if so) if share >= SAID else ""
    return Copy(share, -distance, stems[one.number], how)


def copied(distance: float, limit: float) -> float:
    """How much of a copy: 1 up to half of the limit, falling to 0 at `limit` and beyond."""
    return min(1.0, max(0.0, 2 - 2 * distance / limit)) if limit > 0 else float(distance == 0)


COPIES = EpochMetric[None](
    name="copies",
    label="fewer copies of training sprites",
    sentence="{share:.0%} of its pictures, by how close they are, are training sprites: the LoRA memorises; "
    "more sprites, fewer epochs or a lower network_dim help",
    cost="of an epoch: pictures that are copies of training sprites",
    weight=0.5,
    measure=lambda verdicts, _learned: float(np.mean([verdict.copies for verdict in verdicts])),
)
