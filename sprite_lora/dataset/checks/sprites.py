"""The rules on one sprite's pixels."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import RGB
from sprite_lora.art.sprite import Pixels, composite, grid_factor, open_sprite, pack, snap
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.finding import Found
from sprite_lora.dataset.checks.limits import Gate

OFF_GRID_LIMIT = 0.01
"""Share of a file's pixels off their cell's colour from which on the art is on another grid, not just touched up."""

DIGEST = 16
"""Bytes. Two of 2^32 sprites share a digest of this size with a probability of 2^-65."""


@dataclass(frozen=True)
class Picture:
    """What the other rules ask of a sprite."""

    digest: bytes
    cells: Pixels
    colours: NDArray[np.uint32]
    """Its colours as 0xrrggbb, sorted."""

    @cached_property
    def border(self) -> list[tuple[RGB, float]]:
        """Colours along the top edge and the upper two thirds of the sides, with their shares, commonest first.

        Shoulders touch the lower third of a portrait's sides, so it is left out.
        """
        low = len(self.cells) * 2 // 3
        edge = np.concatenate([self.cells[0], self.cells[1:low, 0], self.cells[1:low, -1]])
        codes, counts = np.unique(pack(edge), return_counts=True)
        order = np.lexsort((codes, -counts))
        return [(_rgb(int(codes[at])), float(counts[at] / counts.sum())) for at in order]

    @cached_property
    def border_codes(self) -> NDArray[np.uint32]:
        """The border's colours as 0xrrggbb, sorted."""
        return np.sort(pack(np.array([rgb for rgb, _ in self.border], dtype=np.uint8)))


def check_picture(path: Path, shown: str, gate: Gate, found: list[Found]) -> Picture | None:
    """Read a sprite, note what is wrong with it; None where it is no picture on the grid."""
    try:
        image = open_sprite(path)
    except SpriteLoraError as error:
        found.append(Found("unreadable-image", shown, str(error.args[0]).removeprefix(f"{path}: ")))
        return None
    width, height = image.size
    side = gate.art_pixels
    if grid_factor(width, height, side) is None:
        found.append(Found("off-grid", shown, _no_factor(width, height, side)))
        return None
    if image.mode == "RGBA" and (clear := int((np.asarray(image)[..., 3] < 255).sum())):
        found.append(Found("transparent", shown, f"{clear} of {width * height} pixels are not opaque"))
    snapped = snap(composite(image, gate.background), side)
    if snapped.off_grid:
        share = f"{snapped.off_grid} of {snapped.pixels} pixels differ from their cell's colour ({snapped.share:.2%})"
        if snapped.share >= OFF_GRID_LIMIT:
            found.append(Found("off-grid", shown, f"{share}: no {side}x{side} art enlarged by a whole factor"))
            return None
        found.append(Found("off-grid-pixels", shown, share))
    colours = np.unique(pack(snapped.cells))
    return Picture(blake2b(snapped.cells.tobytes(), digest_size=DIGEST).digest(), snapped.cells, colours)


def _rgb(code: int) -> RGB:
    return code >> 16, code >> 8 & 255, code & 255


def _no_factor(width: int, height: int, side: int) -> str:
    if width != height:
        return f"{width}x{height} pixels are not square"
    below, above = width // side * side, -(-width // side) * side
    missing = (
        f"{width - below} more than {below}"
        if below and width - below <= above - width
        else f"{above - width} less than {above}"
    )
    return f"{width}x{height} pixels are no whole multiple of {side}x{side}: {missing}"
