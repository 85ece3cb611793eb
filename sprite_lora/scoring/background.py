"""The background that the prompt names against the background that is drawn."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.colour import BASIC, name_distance
from sprite_lora.art.palette import Palette
from sprite_lora.dataset.caption import background_words
from sprite_lora.scoring.metric import Metric
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.view import View

ENOUGH = 0.75
"""Share of the rim that must bear the word: hair and a pattern's second colour may have the rest."""


def background(palette: Palette, prompt: str, softness: float) -> float | None:
    """How far the drawn background bears the colour word of the prompt: 1 = it does, 0 = not at all; None = none named.

    Each cell of the rim (see `rim`) counts exp(-(excess / softness)^2), excess being how much further (OKLab) its
    colour lies from the named word than from the basic colour word that fits it best: 0 where no word fits better.
    Distance to the named word alone won't do: a pale grey is near to a pale blue. Of several words (`green to teal
    gradient`) the best counts. The mean over the rim, divided by ENOUGH, is the measure.
    """
    words = background_words(prompt)
    if not words:
        return None
    cells, counts = np.unique(rim(palette.cells), return_counts=True)
    agreement = [_bears(palette.colours[cell], words, softness) for cell in cells]
    return min(1.0, float(np.average(agreement, weights=counts)) / ENOUGH)


def rim(cells: NDArray[np.intp]) -> NDArray[np.intp]:
    """The cells where portraits seldom reach: outer columns of the upper half, outer quarters of the top two rows."""
    side = len(cells)
    row, column = np.indices(cells.shape)
    outermost = np.minimum(column, side - 1 - column)
    seldom = ((row < side // 2) & (outermost < 1)) | ((row < 2) & (outermost < side // 4))
    return np.asarray(cells[seldom])


def _bears(colour: NDArray[np.uint8], words: list[str], softness: float) -> float:
    rgb = (int(colour[0]), int(colour[1]), int(colour[2]))
    named = min(name_distance(rgb, word) for word in words)
    excess = named - min(named, *(name_distance(rgb, word) for word in BASIC))
    return float(np.exp(-((excess / softness) ** 2)))


def measure(view: View, _learned: object, scales: Scales) -> Mapping[str, float]:
    """Empty where the prompt names no background."""
    agreement = background(view.palette, view.prompt, scales.background_softness)
    return {} if agreement is None else {"background": agreement}


BACKGROUND = Metric(
    name="background",
    label="backgrounds as the prompts name them",
    fault="background",
    sentence="not the colour that the prompt names",
    cost="of a picture: another background than its prompt names",
    weight=0.3,
    measure=measure,
    quality=lambda measured, _learned, _scales: measured["background"],
)
