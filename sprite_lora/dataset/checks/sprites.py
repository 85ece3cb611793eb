"""The rules on one sprite's pixels."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import RGB
from sprite_lora.art.image_file import read_image
from sprite_lora.art.sprite import Pixels, composite, grid_factor, pack, snap
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.finding import Finding, shown

OFF_GRID_LIMIT = 0.01
"""Share of a file's pixels off their cell's colour from which on the art is on another grid, not just touched up."""

DIGEST = 16
"""Bytes. Two of 2^32 sprites share a digest of this size with a probability of 2^-65."""


@dataclass(frozen=True)
class Sprite:
    """A sprite's pixels as the rules see them."""

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
    def border_colours(self) -> NDArray[np.uint32]:
        """The border's colours as 0xrrggbb, sorted."""
        return np.sort(pack(np.array([rgb for rgb, _ in self.border], dtype=np.uint8)))


class CheckedSprite(NamedTuple):
    """A sprite file's pixels, and what is wrong with the file."""

    sprite: Sprite | None
    """None where it cannot be read or is not on the grid."""
    findings: list[Finding]


def check_sprite(path: Path, art_pixels: int, background: RGB) -> CheckedSprite:
    """Read a sprite of `art_pixels` x `art_pixels` cells; transparent pixels are laid on `background`."""
    file = shown(path)
    try:
        image = read_image(path)
    except SpriteLoraError as error:
        message = str(error.args[0]).removeprefix(f"{path}: ")
        return CheckedSprite(None, [Finding("unreadable-image", file, message)])
    width, height = image.size
    if grid_factor(width, height, art_pixels) is None:
        return CheckedSprite(None, [Finding("off-grid", file, _no_factor(width, height, art_pixels))])
    findings = []
    if image.mode == "RGBA" and (clear := int((np.asarray(image)[..., 3] < 255).sum())):
        findings.append(Finding("transparent", file, f"{clear} of {width * height} pixels are not opaque"))
    snapped = snap(composite(image, background), art_pixels)
    if snapped.off_grid:
        share = f"{snapped.off_grid} of {snapped.pixels} pixels differ from their cell's colour ({snapped.share:.2%})"
        if snapped.share >= OFF_GRID_LIMIT:
            message = f"{share}: no {art_pixels}x{art_pixels} art enlarged by a whole factor"
            return CheckedSprite(None, [*findings, Finding("off-grid", file, message)])
        findings.append(Finding("off-grid-pixels", file, share))
    digest = blake2b(snapped.cells.tobytes(), digest_size=DIGEST).digest()
    return CheckedSprite(Sprite(digest, snapped.cells, np.unique(pack(snapped.cells))), findings)


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
