"""The verdict: which epoch, by how much, why, and the file to take."""

from collections.abc import Mapping
from dataclasses import dataclass

from stages.report.facts import Facts
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

    helps: bool
    """False where the untouched base scores as high: then there is nothing to take."""
    epoch: int
    epochs: int
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
    chosen = facts.selected
    by_number = {epoch.number: epoch for epoch in facts.epochs}
    best = by_number[chosen.epoch]
    figures = [
        Figure(
            "Score",
            points(best.score),
            "of 10",
            f"\N{PLUS-MINUS SIGN} {points(best.error)} over {plural(len(facts.prompts), 'prompt')}",
        )
    ]
    if chosen.runner_up is not None and chosen.margin is not None:
        error = f", \N{PLUS-MINUS SIGN} {points(chosen.spread)}" if chosen.spread is not None else ""
        figures.append(Figure("Margin", signed(chosen.margin), "points", f"against epoch {chosen.runner_up}{error}"))
    if 0 in by_number:
        base = by_number[0].score
        figures.append(Figure("Gain", signed(best.score - base), "points", f"untouched base: {points(base)}"))
    shared = shared_tags(list(facts.prompts.values()))
    sprites = tuple(
        Finished(
            sprite.prompt,
            without_tags(facts.prompts[sprite.prompt], shared),
            inline(sprite.path, facts.art_pixels, facts.art_pixels),
            f"{plural(len(sprite.palette), 'colour')} of {number(sprite.drawn_colours)} drawn",
            swatches(sprite.palette),
        )
        for sprite in facts.sprites
    )
    side = facts.art_pixels
    return Verdict(
        helps=0 not in by_number or best.score > by_number[0].score,
        epoch=chosen.epoch,
        epochs=max(by_number),
        figures=tuple(figures),
        reasons=chosen.reasons,
        warnings=chosen.warnings,
        sprites=sprites,
        sprites_note=f"Each is {side} x {side} pixels, shown enlarged without smoothing.",
        file=chosen.file.as_posix(),
        size=size(chosen.bytes),
        hashes=(
            ("Tensors (sshs_model_hash)", chosen.model_hash),
            ("Fingerprint", chosen.record.get("fingerprint", "")),
        ),
    )


def swatches(palette: Mapping[str, int]) -> tuple[Swatch, ...]:
    """A sprite's colours side by side, from `#rrggbb` to the number of its cells."""
    cells = sum(palette.values())
    left, found = 0, []
    for colour, count in palette.items():
        found.append(Swatch(colour, round(100 * left / cells, 2), round(100 * count / cells, 2)))
        left += count
    return tuple(found)
