"""Contours and shading of pictures, and what the principal components of the sprites leave over of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLEAR = 0.1
"""OKLab distance from which a contour, or a cell against its surroundings, is as clear as can be."""

SURROUNDINGS = 5
"""Cells: side of the square that a cell's lightness is compared with."""

COMPONENTS = 40
"""At most; at most a fifth of the sprites too, so that the components do not learn each of them."""

FOLDS = 5
"""Parts of the set that are left out in turn."""

UNSURE = 0.1
"""Added to the standard deviations: at a place where all sprites are equal the least noise would count."""

RARE = 0.01
"""Mean square below which a contour is rare; there nothing can be said of how alike sprites are."""

BLUR = 1 / 12
"""Share of the side over which `how alike` is blurred: an eye's neighbours belong to the face."""


def contours(lab: Array) -> Array:
    """(pictures, height, width, 3) OKLab to (..., 2): how clear the contour to the right and below is, 0 to 1."""
    steps = np.zeros((*lab.shape[:3], 2), dtype=np.float64)
    steps[:, :, :-1, 0] = np.linalg.norm(np.diff(lab, axis=2), axis=3)
    steps[:, :-1, :, 1] = np.linalg.norm(np.diff(lab, axis=1), axis=3)
    return np.minimum(steps / CLEAR, 1)


def shading(lab: Array) -> Array:
    """(pictures, height, width, 3) OKLab to (..., 1): how much lighter a cell is than its surroundings, -1 to 1."""
    light = lab[..., 0]
    return np.asarray(np.clip((light - mean_around(light, SURROUNDINGS)) / CLEAR, -1, 1)[..., None])


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
        return strange(self, self.components, lab)


class Fitted(NamedTuple):
    """A feature of all sprites, and the components of the sprites without each part of the set."""

    feature: Feature
    folds: Sequence[Components]


def fit(of: Callable[[Array], Array], lab: Array) -> Fitted:
    """Fit a feature's components to (sprites, height, width, 3) OKLab, two sprites or more."""
    values = of(lab)
    flat = values.reshape(len(values), -1)
    fold = np.arange(len(values)) % FOLDS
    parts = [_components(flat[fold != number]) for number in range(min(FOLDS, len(values)))]
    left_over = np.empty(values.shape[:3], dtype=np.float64)
    for number, one in enumerate(parts):
        left_over[fold == number] = _left_over(values[fold == number], one)
    usual, spread = left_over.mean(axis=0), left_over.std(axis=0) + UNSURE
    return Fitted(Feature(of, _components(flat), usual, spread), parts)


def alike_places(values: Array) -> tuple[Array, Array]:
    """Of (sprites, height, width, channels): root mean square at each place, and which share of it all have alike."""
    square = (values**2).mean(axis=(0, 3))
    return np.sqrt(square), (values.mean(axis=0) ** 2).mean(axis=2) / (square + RARE)


def strange(feature: Feature, components: Components, lab: Array) -> Array:
    """What other components of the same feature leave over, in the feature's standard deviations."""
    return (_left_over(feature.of(lab), components) - feature.usual) / feature.spread


def _components(flat: Array) -> Components:
    """Mean and principal components of (sprites, values), by the sprites' inner products: they are the fewer."""
    mean = flat.mean(axis=0)
    centred = flat - mean
    number = min(COMPONENTS, len(flat) // 5)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    basis = vectors[:, ::-1][:, :number].T @ centred
    length = np.linalg.norm(basis, axis=1, keepdims=True)
    return Components(mean, np.divide(basis, length, out=np.zeros_like(basis), where=length > 1e-6))


def _left_over(values: Array, components: Components) -> Array:
    """(pictures, height, width, channels) to (pictures, height, width): root mean square of what is not explained."""
    centred = values.reshape(len(values), -1) - components.mean
    rest = (centred - (centred @ components.basis.T) @ components.basis).reshape(values.shape)
    return np.asarray(np.sqrt((rest**2).mean(axis=3)))


def mean_around(values: Array, side: int) -> Array:
    """(pictures, height, width): mean of the square of `side` cells around each, the border repeated."""
    for axis in (1, 2):
        reach = side // 2
        wide = np.pad(values, [(reach, reach) if one == axis else (0, 0) for one in range(3)], mode="edge")
        parts = np.stack([np.take(wide, np.arange(values.shape[axis]) + offset, axis) for offset in range(side)])
        values = parts.mean(axis=0)
    return values


def blurred(values: Array) -> Array:
    """(height, width), blurred by a Gaussian of BLUR of each side; the largest is 1."""
    for axis, length in enumerate(values.shape):
        place = np.arange(length)
        weight = np.exp(-((place[:, None] - place[None]) ** 2) / (2 * max(0.5, BLUR * length) ** 2))
        values = np.moveaxis(np.tensordot(weight / weight.sum(axis=1, keepdims=True), values, (1, axis)), 0, axis)
    return np.asarray(values / max(float(values.max()), 1e-9), dtype=np.float64)
