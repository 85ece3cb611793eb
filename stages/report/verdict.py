"""The verdict: which epoch, by how much, why, and the file to take."""

from collections.abc import Mapping
from dataclasses import dataclass

from sprite_lora.lora.epochs import Epoch
from stages.report.facts import Facts, sprite_path
from stages.report.pictures import Inline, inline
from stages.report.words import Figure, number, plural, points, shared_tags, signed, size, without_tags


@dataclass(frozen=True)
class Swatch:
    """One colour of a sprite, as wide as its share of the cells; both in per cent."""

    colour: str
    left: float
    width: float


@dataclass(frozen=True)
class Finished:
    """A finished sprite with its prompt."""

    name: str
    text: str
    picture: Inline
    colours: str
    palette: tuple[Swatch, ...]


@dataclass(frozen=True)
class Verdict:
    """What templates/verdict.html shows."""

    usable: bool
    """False where no epoch reaches select.production_ready."""
    against: tuple[str, ...]
    """Why none does."""
    epoch: Epoch
    epochs: Epoch
    figures: tuple[Figure, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    sprites: tuple[Finished, ...]
    sprites_note: str
    file: str
    size: str
    hashes: tuple[tuple[str, str], ...]


def verdict(facts: Facts) -> Verdict:
    """The page's first section."""
    chosen, base = facts.selection, facts.scores.base
    best = next(epoch for epoch in facts.scores.epochs if facts.is_selected(epoch))
    figures = [
        Figure(
            "Score",
            points(best.score),
            "of 10",
            f"\N{PLUS-MINUS SIGN} {points(best.error)} over {counted(facts)}",
        )
    ]
    if chosen.runner_up is not None and chosen.margin is not None:
        error = f", \N{PLUS-MINUS SIGN} {points(chosen.spread)}" if chosen.spread is not None else ""
        figures.append(Figure("Margin", signed(chosen.margin), "points", f"against epoch {chosen.runner_up}{error}"))
    chance = chosen.chance(chosen.epoch)
    if chosen.runner_up is not None and chance is not None:
        figures.append(Figure("How sure", f"{chance:.0%}", "", "chance to be the best, by these prompts"))
    if base:
        gain = signed(best.score - base.score)
        figures.append(Figure("Gain", gain, "points", f"untouched base: {points(base.score)}"))
    shared = shared_tags(list(facts.prompts.values()))
    side = facts.manifest.art_pixels
    sprites = tuple(
        Finished(
            prompt,
            without_tags(facts.prompts[prompt], shared),
            inline(sprite_path(prompt), side, side),
            f"{plural(len(found.palette), 'colour')} of {number(found.drawn_colours)} drawn",
            swatches(found.palette),
        )
        for prompt, found in facts.colours.items()
    )
    return Verdict(
        usable=chosen.usable,
        against=chosen.reasons_against,
        epoch=chosen.epoch,
        epochs=facts.scores.epochs[-1].number,
        figures=tuple(figures),
        reasons=chosen.reasons,
        warnings=chosen.warnings,
        sprites=sprites,
        sprites_note=f"Each is {side} x {side} pixels, shown enlarged without smoothing.",
        file=chosen.file,
        size=size(facts.selected_bytes),
        hashes=(
            ("Tensors (sshs_model_hash)", chosen.model_hash),
            ("Fingerprint", facts.record.fingerprint if facts.record else ""),
        ),
    )


def counted(facts: Facts) -> str:
    """Over what a score is a mean."""
    drawn = len(facts.prompts)
    return plural(drawn, "prompt" if len(set(facts.prompts.values())) == drawn else "picture")


def swatches(palette: Mapping[str, int]) -> tuple[Swatch, ...]:
    """A sprite's colours side by side, from `#rrggbb` to the number of its cells."""
    cells = sum(palette.values()) or 1
    left, found = 0, []
    for colour, count in palette.items():
        found.append(Swatch(colour, round(100 * left / cells, 2), round(100 * count / cells, 2)))
        left += count
    return tuple(found)
