"""Does a picture have the parts that training sprites have, where they have them?

Contours and shading of the sprites are each described by their principal components, as PaDiM and PCA-based anomaly
detection do with features of photographs (Defard et al. 2021, https://arxiv.org/abs/2011.08785): what the components
leave over at a place tells how strange the picture is there. It is counted in standard deviations of what they leave
over of sprites that were left out, so that a new combination of known parts is no fault. Places where sprites
resemble one another, a portrait's face, count most. A picture may lie one cell beside the sprites.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites, evenly
from sprite_lora.scoring.view import View

Array = NDArray[np.float32]

CLEAR = 0.1
"""OKLab distance from which a contour, or a cell against its surroundings, is as clear as can be."""

SURROUNDINGS = 5
"""Cells: side of the square that a cell's lightness is compared with."""

COMPONENTS = 40
"""At most; at most a fifth of the sprites too, so that the components do not learn each of them."""

FOLDS = 5
"""Parts of the set that are left out in turn."""

MOST_SPRITES = 512
"""Evenly picked; their number makes little difference from a hundred on."""

UNSURE = 0.03
"""Added to the standard deviations: at a place where all sprites are equal the least noise would count."""

RARE = 0.01
"""Mean square below which a contour is rare; there nothing can be said of how alike sprites are."""

BLUR = 1 / 12
"""Share of the side over which `how alike` is blurred: an eye's neighbours belong to the face."""

SHIFTS = tuple(product((-1, 0, 1), repeat=2))
"""Cells down and right by which a picture may lie beside the sprites."""


def contours(lab: Array) -> Array:
    """(pictures, height, width, 3) OKLab to (..., 2): how clear the contour to the right and below is, 0 to 1."""
    steps = np.zeros((*lab.shape[:3], 2), dtype=np.float32)
    steps[:, :, :-1, 0] = np.linalg.norm(np.diff(lab, axis=2), axis=3)
    steps[:, :-1, :, 1] = np.linalg.norm(np.diff(lab, axis=1), axis=3)
    return np.minimum(steps / np.float32(CLEAR), np.float32(1))


def shading(lab: Array) -> Array:
    """(pictures, height, width, 3) OKLab to (..., 1): how much lighter a cell is than its surroundings, -1 to 1."""
    light = lab[..., 0]
    return np.asarray(np.clip((light - _mean_around(light, SURROUNDINGS)) / np.float32(CLEAR), -1, 1)[..., None])


class Components(NamedTuple):
    """Principal components of one feature of the sprites."""

    mean: Array
    """(height x width x channels,)"""
    basis: Array
    """(components, height x width x channels), orthonormal."""


@dataclass(frozen=True)
class Feature:
    """One feature's components, and what they usually leave over."""

    of: Callable[[Array], Array]
    components: Components
    usual: Array
    """(height, width): mean of what is left over of left-out sprites (root mean square over the channels)."""
    spread: Array
    """(height, width): its standard deviation."""

    def strange(self, lab: Array) -> Array:
        """(pictures, height, width, 3) to (pictures, height, width): what is left over, in standard deviations."""
        return _strange(self, self.components, lab)


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

    def measures(self, view: View) -> Mapping[str, float]:
        """What `summary` finds of a picture where it lies best, and the place of `part`, 0 to 1 down and across.

        `comparable` is 0 where the picture has another number of cells than the sprites, and 1 otherwise.
        """
        lab = shifted(view.cells_lab.astype(np.float32))
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
    return _mean_around(lines * part, 3)


def shifted(lab: Array) -> Array:
    """(height, width, 3) to (9, height, width, 3): the picture moved by up to one cell, its border repeated."""
    height, width, _ = lab.shape
    wide = np.pad(lab, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return np.stack([wide[1 + down : 1 + down + height, 1 + right : 1 + right + width] for down, right in SHIFTS])


def learn(sprites: Sprites, scales: Scales) -> Structure:
    """Fit the components, and measure what they leave over of sprites that were left out."""
    lab = np.array(evenly(list(sprites.lab), MOST_SPRITES), dtype=np.float32)
    lines, light = _fit(contours, lab), _fit(shading, lab)
    strength, common = _alike(contours(lab))
    alike, part = _blurred(common * strength) ** 2, _blurred(common) ** 2
    alike = alike / max(float(alike.sum()), 1e-9)
    found: dict[str, list[float]] = {}
    for number, moved in enumerate(map(shifted, lab)):
        fold = number % FOLDS
        strange = [_strange(one.feature, one.folds[fold], moved) for one in (lines, light)]
        for name, values in summary(strange[0], strange[1], alike, part).items():
            found.setdefault(name, []).append(float(values.min()))
    levels = {
        name: (float(np.median(values)), float(np.quantile(values, scales.usual_share)))
        for name, values in found.items()
    }
    return Structure(lines.feature, light.feature, alike, part, levels)


class _Fitted(NamedTuple):
    feature: Feature
    folds: Sequence[Components]
    """Of the sprites without each part of the set."""


def _fit(of: Callable[[Array], Array], lab: Array) -> _Fitted:
    values = of(lab)
    flat = values.reshape(len(values), -1)
    fold = np.arange(len(values)) % FOLDS
    parts = [_components(flat[fold != number]) for number in range(min(FOLDS, len(values)))]
    left_over = np.empty(values.shape[:3], dtype=np.float32)
    for number, one in enumerate(parts):
        left_over[fold == number] = _left_over(values[fold == number], one)
    usual, spread = left_over.mean(axis=0), left_over.std(axis=0) + np.float32(UNSURE)
    return _Fitted(Feature(of, _components(flat), usual, spread), parts)


def _alike(values: Array) -> tuple[Array, Array]:
    """Of (sprites, height, width, channels): root mean square at each place, and which share of it all have alike."""
    square = (values**2).mean(axis=(0, 3))
    return np.sqrt(square), (values.mean(axis=0) ** 2).mean(axis=2) / (square + RARE)


def _strange(feature: Feature, components: Components, lab: Array) -> Array:
    return (_left_over(feature.of(lab), components) - feature.usual) / feature.spread


def _components(flat: Array) -> Components:
    """Mean and principal components of (sprites, values), by the sprites' inner products: they are the fewer."""
    mean = flat.mean(axis=0)
    centred = flat - mean
    number = min(COMPONENTS, len(flat) // 5)
    _, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    basis = vectors[:, ::-1][:, :number].T.astype(np.float32) @ centred
    length = np.linalg.norm(basis, axis=1, keepdims=True)
    return Components(mean, np.divide(basis, length, out=np.zeros_like(basis), where=length > 1e-6))


def _left_over(values: Array, components: Components) -> Array:
    """(pictures, height, width, channels) to (pictures, height, width): root mean square of what is not explained."""
    centred = values.reshape(len(values), -1) - components.mean
    rest = (centred - (centred @ components.basis.T) @ components.basis).reshape(values.shape)
    return np.asarray(np.sqrt((rest**2).mean(axis=3)))


def _mean_around(values: Array, side: int) -> Array:
    """(pictures, height, width): mean of the square of `side` cells around each, the border repeated."""
    for axis in (1, 2):
        reach = side // 2
        wide = np.pad(values, [(reach, reach) if one == axis else (0, 0) for one in range(3)], mode="edge")
        parts = np.stack([np.take(wide, np.arange(values.shape[axis]) + offset, axis) for offset in range(side)])
        values = parts.mean(axis=0)
    return values


def _blurred(values: Array) -> Array:
    """(height, width), blurred by a Gaussian of BLUR of each side; the largest is 1."""
    for axis, length in enumerate(values.shape):
        place = np.arange(length)
        weight = np.exp(-((place[:, None] - place[None]) ** 2) / (2 * max(0.5, BLUR * length) ** 2))
        values = np.moveaxis(np.tensordot(weight / weight.sum(axis=1, keepdims=True), values, (1, axis)), 0, axis)
    return np.asarray(values / max(float(values.max()), 1e-9), dtype=np.float32)


GENTLE = 0.1
"""Quality that contours and that shading cost each at the end of what left-out sprites usually have."""

PARTLY = 0.15
"""Quality that the strangest part costs there; nothing on the first half of the way."""

STEEP, FALL = 2.0, 9
"""Quality is 1 / (1 + (way / STEEP) ** FALL) besides, of the three ways together, as lengths at right angles."""

MOST_PART = 1.7
"""The way that one part can go alone: an eyepatch that no sprite has is strange there, and no broken picture."""

LEAST_OTHER = 0.5
"""Of that, for a picture with cells of another size, whose lines are as thick as no sprite's."""


def ways(measured: Mapping[str, float], learned: Structure) -> dict[str, float]:
    """Each measure on the way from the median of left-out sprites (0) to the end of what they usually have (1)."""
    return {
        name: max(0.0, measured[name] - median) / max(end - median, UNSURE)
        for name, (median, end) in learned.levels.items()
    }


def quality(measured: Mapping[str, float], learned: Structure, _scales: Scales) -> float:
    """1 up to the median of left-out sprites, little less at the end of what they usually have, then falling fast."""
    way = ways(measured, learned)
    product = 1 - PARTLY * min(max(0.0, 2 * way["part"] - 1), 1.0)
    for name in ("structure", "shading"):
        product *= 1 - GENTLE * min(way[name], 1.0)
    length = np.linalg.norm([way["structure"], min(way["part"], MOST_PART), way["shading"]])
    fall = float(1 / (1 + (length / STEEP) ** FALL))
    return product * (fall if measured["comparable"] else max(fall, LEAST_OTHER))


STRUCTURE = Metric(
    name="structure",
    label="parts where training sprites have them",
    fault="structure",
    sentence="parts are missing or strange, most so {part_across:.0%} from the left and {part_down:.0%} from the top",
    cost="of a picture: parts missing, garbled, or where no training sprite has them",
    weight=0.9,
    measure=lambda view, learned, _scales: learned.measures(view),
    quality=quality,
    learn=learn,
)
