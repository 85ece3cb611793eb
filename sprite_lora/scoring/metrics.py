"""The table of metrics: what is measured on a picture, and what each measure is worth.

Another metric: a pure function in a file of its own, one line in `measure`, one in `qualities`, and its weight under
score.lost in params.yaml and params.py. Nothing else has to know.
"""

from sprite_lora.scoring import grid_fit
from sprite_lora.scoring.background import background
from sprite_lora.scoring.coarse import coarse
from sprite_lora.scoring.collapse import alive, spread
from sprite_lora.scoring.detail import contours, detail
from sprite_lora.scoring.layout import layout
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.stray import stray
from sprite_lora.scoring.view import View


def measure(view: View, training: Training, score: Score) -> dict[str, float]:
    """Every measure of a picture, in its own unit: the functions' docstrings have formulas and units.

    `background` is left out where the prompt names none.
    """
    drawn = contours(view.cells_lab, score.tolerance)
    named = background(view.palette, view.prompt, score.background_softness)
    return {
        "residual": grid_fit.residual(view.lab, view.art_pixels),
        "edges": grid_fit.edges(view.lab, view.art_pixels),
        "coherence": grid_fit.coherence(view.lab, view.art_pixels),
        "colours_95": view.palette.covering(0.95),
        "colours_99": view.palette.covering(0.99),
        "detail": detail(drawn),
        "coarse": coarse(drawn, view.art_pixels),
        "layout": layout(drawn, training.contours),
        "stray": stray(view.cells_lab, score.tolerance),
        "spread": spread(view.cells_lab),
    } | ({} if named is None else {"background": named})


def qualities(measured: dict[str, float], training: Training, score: Score) -> dict[str, float]:
    """What each measure is worth: 1 = as good as a training sprite, 0 = failed."""
    cell = 1 / training.lab[0, :, :, 0].size
    palette = (
        training.colours_95.typical(measured["colours_95"]),
        training.colours_99.typical(measured["colours_99"]),
    )
    return {
        "residual": 1 / (1 + (measured["residual"] / score.residual_scale) ** 2),
        "edges": max(0.0, measured["edges"]),
        "coherence": max(0.0, measured["coherence"]),
        "palette": min(palette),
        "detail": training.detail.typical(measured["detail"], unit=cell),
        "coarse": reach(1 - measured["coarse"], 1 - training.coarse),
        "layout": reach(measured["layout"], training.layout),
        "stray": training.stray.typical(measured["stray"], unit=cell),
    } | {name: measured[name] for name in ("background",) if name in measured}


def reach(value: float, enough: float) -> float:
    """1 from `enough` on, in proportion below, 0 at 0; 1 where nothing is asked."""
    return min(1.0, max(0.0, value / enough)) if enough > 0 else 1.0


def picture_score(measured: dict[str, float], worth: dict[str, float], training: Training, score: Score) -> float:
    """0 to 10: 10 x alive x the product over the metrics of 1 - lost x (1 - quality).

    A product, because a fine palette can't make up for a missing grid; `lost` in params.yaml says directly how much of
    the score one metric's failure costs. `alive` takes all from a flat or black picture, which fails nothing else.
    Copies don't count here: a copy is a good picture, and a bad sign for its epoch.
    """
    lost = score.lost.model_dump()
    product = 10 * alive(measured["spread"], training.least_spread)
    for name, quality in worth.items():
        product *= 1 - lost[name] * (1 - quality)
    return product
