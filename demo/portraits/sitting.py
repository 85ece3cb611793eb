"""The canvas of a smooth portrait: soft shapes, wandering outlines and light, anywhere in the picture."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from demo.portraits.persona import RGB

SIZE = 192
CELLS = 24.0
Plane = NDArray[np.float32]
Colour = NDArray[np.float32]  # Red, green, blue, 0 to 1.


def ramp(inside: NDArray[np.floating[Any]], soft: float) -> Plane:
    """0 outside, 1 inside, a smooth step `soft` cells wide between."""
    share = np.clip(inside / np.float32(soft) + np.float32(0.5), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


class Sitting:
    """One picture under way: the canvas, where each pixel lies in cells, and the light."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        middle = (np.arange(SIZE, dtype=np.float32) + 0.5) * np.float32(CELLS / SIZE)
        across, down = np.meshgrid(middle, middle)
        self.frame_x, self.frame_y = across, down
        self.picture = np.zeros((SIZE, SIZE, 3), np.float32)
        zoom = rng.uniform(0.95, 1.05)
        self.x: Plane = (across - 12.0 - np.float32(rng.normal(0.0, 0.35))) / np.float32(zoom) + 12.0
        self.y: Plane = (down - 14.0 - np.float32(rng.normal(0.0, 0.3))) / np.float32(zoom) + 14.0
        self.waves = self.noise(10.0), self.noise(10.0)

    def noise(self, sigma: float, stretch: float = 1.0) -> Plane:
        """Smooth noise of deviation 1; `sigma` in pixels, `stretch` times as long downwards."""
        step = max(1, int(sigma / 3))
        size = -(-SIZE // step)
        coarse = gaussian_filter(
            self.rng.standard_normal((size, size), np.float32), (sigma * stretch / step, sigma / step), mode="wrap"
        )
        full = np.kron(coarse, np.ones((step, step), np.float32))[:SIZE, :SIZE]
        full = gaussian_filter(full, step / 2) if step > 1 else full
        return np.asarray(full / (full.std() + np.float32(1e-6)))

    def ellipse(self, x: float, y: float, wide: float, high: float, soft: float = 0.3, wavy: float = 0.0) -> Plane:
        """A soft disc, 0 to 1, with half axes `wide` and `high`; `wavy` cells of wandering outline."""
        across, down = self.x - x + wavy * self.waves[0], self.y - y + wavy * self.waves[1]
        radius = np.sqrt((across / wide) ** 2 + (down / high) ** 2)
        return ramp((1.0 - radius) * min(wide, high), soft)

    def box(self, left: float, top: float, right: float, bottom: float, soft: float = 0.3, wavy: float = 0.0) -> Plane:
        """A soft rectangle."""
        across, down = self.x + wavy * self.waves[0], self.y + wavy * self.waves[1]
        inside = np.minimum(np.minimum(across - left, right - across), np.minimum(down - top, bottom - down))
        return ramp(inside, soft)

    def stroke(self, points: list[tuple[float, float]], thick: float, soft: float = 0.25) -> Plane:
        """A soft line through the points."""
        nearest = np.full((SIZE, SIZE), 99.0, np.float32)
        for (x0, y0), (x1, y1) in pairwise(points):
            length = (x1 - x0) ** 2 + (y1 - y0) ** 2 + 1e-6
            along = np.clip(((self.x - x0) * (x1 - x0) + (self.y - y0) * (y1 - y0)) / length, 0.0, 1.0)
            away = np.hypot(self.x - x0 - along * (x1 - x0), self.y - y0 - along * (y1 - y0))
            nearest = np.minimum(nearest, away)
        return ramp(thick / 2 - nearest, soft)

    def lay(self, mask: Plane, colour: Colour, light: NDArray[np.floating[Any]] | float = 1.0) -> None:
        """Paint a colour (0 to 1), lit by a factor, where the mask is."""
        lit = colour * (light[..., None] if isinstance(light, np.ndarray) else np.float32(light))
        self.picture += (lit - self.picture) * mask[..., None]

    def colour(self, words: Mapping[str, RGB], word: str, spread: float = 0.025) -> Colour:
        """The named colour, a little off, as light and film make it."""
        return (np.array(words[word], np.float32) / 255 + self.rng.normal(0.0, spread, 3)).astype(np.float32)
