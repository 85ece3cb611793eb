"""What training sprites have in common, and how strange a picture is beside them."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites, evenly
from sprite_lora.scoring.structure.features import (
    FOLDS,
    UNSURE,
    Array,
    Feature,
    alike_places,
    blurred,
    contours,
    fit,
    mean_around,
    shading,
    strange,
)
from sprite_lora.scoring.view import View

MOST_SPRITES = 512
"""Evenly picked; their number makes little difference from a hundred on."""

BLOCK = 3
"""Cells: side of the squares that change places in a garbled sprite."""

SHIFTS = tuple(itertools.product((-1, 0, 1), repeat=2))
"""Cells down and right by which a picture may lie beside the sprites."""

MOST_PART = 1.7
"""The way that one part can go alone: an eyepatch that no sprite has is strange there, and no broken picture."""


@dataclass(frozen=True)
class Structure:
    """What the sprites have in common."""

    contours: Feature
    shading: Feature
    alike: Array
    """(height, width): weight of each place in `structure` and `shading`; the sum is 1."""
    part: Array
    """(height, width): weight of each place in `part`; the largest is 1."""
    levels: Mapping[str, tuple[float, float]]
    """Measure to the median and the upper end (score.usual_share) that left-out sprites have."""
    lengths: tuple[float, float]
    """`length` that left-out sprites stay below (score.usual_share), and that garbled ones have (median)."""

    def measures(self, view: View) -> Mapping[str, float]:
        """What `summary` finds of a picture where it lies best, and the place of `part`, 0 to 1 down and across.

        `comparable` is 0 where the picture has another number of cells than the sprites, and 1 otherwise.
        """
        lab = shifted(view.cells_lab)
        lines = self.contours.strange(lab)
        found = summary(lines, self.shading.strange(lab), self.alike, self.part)
        best = int(found["part"].argmin())
        down, across = divmod(int(_parts(lines, self.part)[best].argmax()), lab.shape[2])
        place = {"part_down": (down + 0.5) / lab.shape[1], "part_across": (across + 0.5) / lab.shape[2]}
        comparable = {"comparable": 0.0 if view.found.kind == "other" else 1.0}
        return {name: float(values.min()) for name, values in found.items()} | place | comparable


def summary(lines: Array, light: Array, alike: Array, part: Array) -> dict[str, Array]:
    """How strange pictures are, in standard deviations: contours and shading (pictures, height, width) to (pictures,).

    `structure` and `shading` are means over the places, weighted by `alike`; `part` is the strangest square of 3 cells.
    """
    return {
        "structure": np.einsum("phw,hw->p", lines, alike),
        "part": _parts(lines, part).reshape(len(lines), -1).max(axis=1),
        "shading": np.einsum("phw,hw->p", light, alike),
    }


def _parts(lines: Array, part: Array) -> Array:
    return mean_around(lines * part, 3)


def shifted(lab: Array) -> Array:
    """(height, width, 3) to (9, height, width, 3): the picture moved by up to one cell, its border repeated."""
    height, width, _ = lab.shape
    wide = np.pad(lab, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return np.stack([wide[1 + down : 1 + down + height, 1 + right : 1 + right + width] for down, right in SHIFTS])


def learn(sprites: Sprites, scales: Scales) -> Structure:
    """Fit the components, and measure what they leave over of sprites that were left out, whole and garbled."""
    lab = np.array(evenly(list(sprites.lab), MOST_SPRITES), dtype=np.float64)
    lines, light = fit(contours, lab), fit(shading, lab)
    strength, common = alike_places(contours(lab))
    alike, part = blurred(common * strength) ** 2, blurred(common) ** 2
    alike = alike / max(float(alike.sum()), 1e-9)

    def measured(cells: Array, number: int) -> dict[str, float]:
        moved, fold = shifted(cells), number % FOLDS
        odd, shade = (strange(one.feature, one.folds[fold], moved) for one in (lines, light))
        return {name: float(values.min()) for name, values in summary(odd, shade, alike, part).items()}

    whole = [measured(cells, number) for number, cells in enumerate(lab)]
    random = np.random.default_rng(0)
    broken = [measured(garbled(cells, random), number) for number, cells in enumerate(lab)]
    levels = {}
    for name in whole[0]:
        values = [one[name] for one in whole]
        levels[name] = float(np.median(values)), float(np.quantile(values, scales.usual_share))
    usual = float(np.quantile([length(ways(one, levels)) for one in whole], scales.usual_share))
    damage = float(np.median([length(ways(one, levels)) for one in broken]))
    return Structure(lines.feature, light.feature, alike, part, levels, (max(usual, UNSURE), max(damage, 2 * usual)))


def garbled(cells: Array, random: np.random.Generator) -> Array:
    """(height, width, 3), cut into squares of BLOCK cells that change places; what is left at the edges stays."""
    rows, columns = cells.shape[0] // BLOCK, cells.shape[1] // BLOCK
    inner = cells[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, 3).swapaxes(1, 2)
    squares = inner.reshape(-1, BLOCK, BLOCK, 3)[random.permutation(rows * columns)]
    changed = cells.copy()
    changed[: rows * BLOCK, : columns * BLOCK] = (
        squares.reshape(inner.shape).swapaxes(1, 2).reshape(rows * BLOCK, columns * BLOCK, 3)
    )
    return changed


def ways(measured: Mapping[str, float], levels: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Each measure on the way from the median of left-out sprites (0) to the end of what they usually have (1)."""
    return {
        name: max(0.0, measured[name] - median) / max(end - median, UNSURE) for name, (median, end) in levels.items()
    }


def length(way: Mapping[str, float]) -> float:
    """The three ways together, at right angles."""
    return float(np.linalg.norm([way["structure"], min(way["part"], MOST_PART), way["shading"]]))
