"""Does the picture lie on a grid of art pixels, and on the expected one? On any picture size.

The first three look at the grid that was found (art.grid_find), the last one at how it differs from the expected one.
"""

from collections.abc import Mapping
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.grid import Grid
from sprite_lora.art.grid_steps import Walk, border_offset, in_cells
from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.view import View

INTERIOR = 0.3
"""Half of the middle part of a cell, as a share of its side: the inner 60 %, clear of ringing at the borders."""

OTHER = 0.1
"""Natural logarithm of found to expected period, about a share of it, from which the grid is another one."""

SHIFT = 0.5
"""What a shift costs per cell, as a share of what another grid costs; half a cell is the most that there is."""


def residual(seen: Walk, grid: Grid) -> float:
    """Colour left over inside the cells, as a share of the picture's colour spread; 0 = every cell is one colour.

    mean |pixel - cell mean| over the inner 60 % of all cells, divided by mean |cell mean - picture mean|. Relative,
    so that a pale picture is not let off and a bold one not punished. A picture without any spread has residual 0.
    """
    row, rows = _inner(seen.walked, grid.rows)
    column, columns = _inner(np.arange(seen.across.side), grid.columns)
    inside = seen.lab[rows][:, columns]
    first_row, first_column = _firsts(row), _firsts(column)
    down, across = np.diff([*first_row, len(row)]), np.diff([*first_column, len(column)])
    sums = np.add.reduceat(np.add.reduceat(inside, first_column, axis=1), first_row, axis=0)
    size = (down[:, None] * across).astype(np.float32)
    means = np.asarray(sums / size[..., None])
    left_over = _length(inside - means.repeat(down, axis=0).repeat(across, axis=1)).mean(dtype=np.float64)
    middle = np.asarray((means * size[..., None]).sum(axis=(0, 1)) / size.sum(), dtype=np.float32)
    between = np.average(_length(np.asarray(means - middle)), weights=size)
    return float(left_over / between) if between > 0 else 0.0


def coherence(seen: Walk, grid: Grid) -> float:
    """How well all gradients, faint ones too, keep step with the grid: 1 = on its lines, 0 = no step, -1 = between.

    sum g(x) cos(2 pi x / cell) / sum g(x) over the columns' and the rows' summed gradients g (OKLab, not squared).
    pixelwright's edge-phase coherence is the length of the same phasor; its real part also asks for the right phase.
    """
    in_step = total = 0.0
    for steps, cuts in zip(seen.both, (grid.rows, grid.columns), strict=True):
        offset, inside = border_offset(steps, cuts)
        change = steps.linear[inside]
        in_step += float((change * np.cos(2 * np.pi * offset[inside])).sum())
        total += float(change.sum())
    return in_step / total if total > 0 else 0.0


def differences(view: View) -> Mapping[str, float]:
    """Pixels per cell as found and as expected, mean of both axes, and the larger of the two shifts, in cells.

    The shift is 0 on a grid of another period, where it says nothing.
    """
    found = view.found
    shift = max(abs(phase / period) for phase, period in zip(found.phase, found.period, strict=True))
    return {
        "cell_found": sum(found.period) / 2,
        "cell_expected": (view.walk.down.side + view.walk.across.side) / 2 / view.art_pixels,
        "shift": shift if found.kind == "shifted" else 0.0,
    }


def likeness(measured: Mapping[str, float], _learned: object, _scales: Scales) -> float:
    """1 on the expected grid; less in proportion to how much wider or narrower cells are, and to the shift."""
    wider = abs(log(measured["cell_found"] / measured["cell_expected"]))
    return max(0.0, 1 - wider / OTHER) * (1 - SHIFT * measured["shift"])


def _inner(places: NDArray[np.intp], cuts: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of pixels along one side those in the inner part of a cell, as numbers of cells and as indexes into `places`."""
    place, within = in_cells(np.asarray(places + 0.5, dtype=np.float64), cuts)
    inner = np.flatnonzero(within & (np.abs(place % 1 - 0.5) <= INTERIOR))
    if not inner.size:
        inner = np.flatnonzero(within)
    return place[inner].astype(np.intp), inner


def _firsts(cell: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.flatnonzero(np.diff(cell, prepend=-1))


def _length(vectors: NDArray[Any]) -> NDArray[Any]:
    # Over three channels this takes a fifth of the time of np.linalg.norm.
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vectors, vectors)))


RESIDUAL = Metric[None](
    name="residual",
    label="cells of one colour",
    fault="smooth",
    sentence="colours run inside the cells",
    cost="of a picture: cells that are not one colour inside",
    weight=0.5,
    measure=lambda view, _learned, _scales: {"residual": residual(view.walk, view.found.grid)},
    quality=lambda measured, _learned, scales: 1 / (1 + (measured["residual"] / scales.residual_scale) ** 2),
)

EDGES = Metric[None](
    name="edges",
    label="contours on the grid",
    fault="off grid",
    sentence="contours do not lie on cell borders",
    cost="of a picture: contours that do not lie on cell borders",
    weight=0.5,
    measure=lambda view, _learned, _scales: {"edges": view.found.sure},
    quality=lambda measured, _learned, _scales: max(0.0, measured["edges"]),
)

COHERENCE = Metric[None](
    name="coherence",
    label="gradients in step with the grid",
    fault="out of step",
    sentence="fine gradients do not keep step with the grid",
    cost="of a picture: gradients out of step with the grid",
    weight=0.3,
    measure=lambda view, _learned, _scales: {"coherence": coherence(view.walk, view.found.grid)},
    quality=lambda measured, _learned, _scales: max(0.0, measured["coherence"]),
)

GRID = Metric[None](
    name="grid",
    label="cells of the expected size and place",
    fault="other grid",
    sentence="cells are {cell_found:.3g} px, package.resolution expects {cell_expected:.3g}",
    cost="of a picture: cells of another size than expected, or shifted",
    weight=0.35,
    measure=lambda view, _learned, _scales: differences(view),
    quality=likeness,
)
