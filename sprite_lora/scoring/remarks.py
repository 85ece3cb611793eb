"""What is wrong with a picture or an epoch, in words, where a point of ten or more is at stake."""

from collections.abc import Mapping

from sprite_lora.scoring.judge import Verdict
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Lost

STAKE = 1.0
"""Points of 10 that a fault must cost to be worth a word."""

NOTICE = 0.1
"""Share from which copies and sameness are worth a word: by chance alone some pictures come near to a sprite."""

FAULTS = {
    "residual": ("smooth", "colours run inside the cells"),
    "edges": ("off grid", "contours do not lie on cell borders"),
    "coherence": ("out of step", "fine gradients do not keep step with the grid"),
    "palette": (
        "palette",
        "{colours_95:.0f} colours cover 95 % of the cells; training sprites have {low:.0f} to {high:.0f}",
    ),
    "detail": ("detail", "{detail:.0%} of neighbouring cells differ; training sprites have {least:.0%} to {most:.0%}"),
    "coarse": ("coarse", "its own pixels are two or more cells wide"),
    "layout": ("layout", "contours do not stand where training sprites have them"),
    "stray": ("stray cells", "{stray:.1%} of the cells stand alone"),
    "background": ("background", "not the colour that the prompt names"),
}
"""Metric to a short word and a sentence, with the figures to fill in."""


def picture_remarks(verdict: Verdict, training: Training, lost: Lost) -> str:
    """`word: sentence` for each fault, worst first, joined by `; `; empty where all is well."""
    if verdict.score == 0:
        return "collapsed: flat, black, empty, or drawn without finite numbers"
    price = lost.model_dump()
    costs = {name: 10 * price[name] * (1 - worth) for name, worth in verdict.worth.items()}
    figures = verdict.measured | {
        "low": training.colours_95.low,
        "high": training.colours_95.high,
        "least": training.detail.low,
        "most": training.detail.high,
    }
    told = []
    if verdict.copied >= NOTICE:
        told.append(f"copy: {1 - verdict.nearest:.0%} of the figure is training sprite {verdict.nearest_stem}")
    for name in sorted(costs, key=lambda name: -costs[name]):
        if costs[name] >= STAKE:
            word, sentence = FAULTS[name]
            told.append(f"{word}: {sentence.format(**figures)}")
    return "; ".join(told)


def epoch_remarks(mark: Mapping[str, float]) -> str:
    """`word: sentence` for each fault of an epoch as a whole, joined by `; `; empty where all is well."""
    told = []
    if mark["pictures"] == 0:
        told.append("collapsed: every picture is flat, black, empty, or drawn without finite numbers")
    if mark["sameness"] >= NOTICE:
        told.append(f"sameness: the prompts hardly change the picture ({mark['sameness']:.0%})")
    if mark["copied"] >= NOTICE:
        told.append(f"copies: {mark['copied']:.0%} of its pictures, by how close they are, are training sprites")
    return "; ".join(told)
