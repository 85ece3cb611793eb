"""Does the picture lie on the art-pixel grid? Three views of it, each 0 or 1 at the ends, on any picture size.

`lab` is (height, width, 3) OKLab; a cell is height / art_pixels by width / art_pixels pixels, not always whole.
"""

import numpy as np
from numpy.typing import NDArray

from sprite_lora.scoring.metric import Metric

Lab = NDArray[np.float64]
Vector = NDArray[np.float64]

INTERIOR = 0.3
"""Half of the middle part of a cell, as a share of its side: the inner 60 %, clear of ringing at the borders."""

BORDER = 0.1
"""A gradient this near to a cell border, as a share of the cell's side, lies on it (but always the nearest step)."""


def residual(lab: Lab, art_pixels: int) -> float:
    """Colour left over inside the cells, as a share of the picture's colour spread; 0 = every cell is one colour.

    mean |pixel - cell mean| over the inner 60 % of all cells, divided by mean |cell mean - picture mean|. Relative,
    so that a pale picture is not let off and a bold one not punished. A picture without any spread has residual 0.
    """
    row, row_inside = _cells(lab.shape[0], art_pixels)
    column, column_inside = _cells(lab.shape[1], art_pixels)
    number = (row[row_inside][:, None] * art_pixels + column[column_inside]).reshape(-1)
    inside = lab[row_inside][:, column_inside].reshape(-1, 3)
    size = np.bincount(number, minlength=art_pixels**2)
    sums = np.stack([np.bincount(number, inside[:, axis], art_pixels**2) for axis in range(3)], axis=1)
    means = sums / np.maximum(size, 1)[:, None]
    left_over = _length(inside - means[number]).mean()
    between = _length(means[number] - inside.mean(axis=0)).mean()
    return float(left_over / between) if between > 0 else 0.0


def edges(lab: Lab, art_pixels: int) -> float:
    """Share of the gradient energy that lies on cell borders, less what chance puts there; 1 = all, 0 = chance.

    Energy is the squared OKLab difference of neighbouring pixels, so that contours count and faint noise hardly does.
    (share - chance) / (1 - chance), chance being the share of pixel steps that are on borders. 0 for a flat picture.
    """
    on = total = 0.0
    chances = []
    for steps, length in _steps(lab):
        profile = (steps**2).sum(axis=0)
        offset = _border_offset(length, art_pixels)
        near = np.abs(offset) <= max(BORDER, 0.5 * art_pixels / length)
        on += float(profile[near].sum())
        total += float(profile.sum())
        chances.append(float(near.mean()))
    chance = sum(chances) / len(chances)
    return (on / total - chance) / (1 - chance) if total > 0 and chance < 1 else 0.0


def coherence(lab: Lab, art_pixels: int) -> float:
    """How well all gradients, faint ones too, keep step with the grid: 1 = on its lines, 0 = no step, -1 = between.

    sum g(x) cos(2 pi x / cell) / sum g(x) over the columns' and the rows' summed gradients g (OKLab, not squared).
    pixelwright's edge-phase coherence is the length of the same phasor; its real part also asks for the right phase.
    """
    in_step = total = 0.0
    for steps, length in _steps(lab):
        profile = steps.sum(axis=0)
        in_step += float((profile * np.cos(2 * np.pi * _border_offset(length, art_pixels))).sum())
        total += float(profile.sum())
    return in_step / total if total > 0 else 0.0


def _cells(length: int, art_pixels: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Per pixel along one side: its cell, and whether it lies in the cell's inner part."""
    position = (np.arange(length) + 0.5) * art_pixels / length
    inside = np.abs(position % 1 - 0.5) <= INTERIOR
    return position.astype(np.intp), inside if inside.any() else np.ones_like(inside)


def _border_offset(length: int, art_pixels: int) -> Vector:
    """Per step between two pixels along one side: distance to the nearest cell border, in cells, -0.5 to 0.5."""
    position = np.arange(1, length) * art_pixels / length
    return np.asarray(position - np.round(position))


def _steps(lab: Lab) -> list[tuple[NDArray[np.float64], int]]:
    """OKLab distance of neighbours across each step between columns, and between rows, with the side in pixels."""
    return [(_length(np.diff(side, axis=1)), side.shape[1]) for side in (lab, lab.swapaxes(0, 1))]


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    # Over three channels this takes a fifth of the time of np.linalg.norm.
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vectors, vectors)))


RESIDUAL = Metric[None](
    name="residual",
    label="cells of one colour",
    fault="smooth",
    sentence="colours run inside the cells",
    cost="of a picture: cells that are not one colour inside",
    weight=0.5,
    measure=lambda view, _learned, _scales: {"residual": residual(view.lab, view.art_pixels)},
    quality=lambda measured, _learned, scales: 1 / (1 + (measured["residual"] / scales.residual_scale) ** 2),
)

EDGES = Metric[None](
    name="edges",
    label="contours on the grid",
    fault="off grid",
    sentence="contours do not lie on cell borders",
    cost="of a picture: contours that do not lie on cell borders",
    weight=0.5,
    measure=lambda view, _learned, _scales: {"edges": edges(view.lab, view.art_pixels)},
    quality=lambda measured, _learned, _scales: max(0.0, measured["edges"]),
)

COHERENCE = Metric[None](
    name="coherence",
    label="gradients in step with the grid",
    fault="out of step",
    sentence="fine gradients do not keep step with the grid",
    cost="of a picture: gradients out of step with the grid",
    weight=0.3,
    measure=lambda view, _learned, _scales: {"coherence": coherence(view.lab, view.art_pixels)},
    quality=lambda measured, _learned, _scales: max(0.0, measured["coherence"]),
)
