"""The grid: every epoch against every prompt, with the scores and what is wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.scores import EpochScore, PictureScore
from sprite_lora.scoring.things.metric import THINGS
from stages.report.facts import Facts, label, picture_path
from stages.report.pictures import MOST_BYTES, Inline, inline
from stages.report.words import Mark, plural, points, shared_tags, size, without_tags

GRAVE = ("collapsed", "copy")
"""Remarks that get a mark of their own: a person would not take such a picture. The others are matters of degree."""

NAMED = THINGS.fault
"""The remark whose things are listed one by one."""


@dataclass(frozen=True)
class Prompt:
    """A column's head."""

    name: str
    text: str


@dataclass(frozen=True)
class Cell:
    """One picture."""

    picture: Inline | None
    pixels: str
    """Hash of the picture, by which the pairs to rate name it."""
    alt: str
    score: str
    marks: tuple[Mark, ...]
    others: tuple[Mark, ...]
    wrong: tuple[str, ...]
    """What the prompt names and the picture shows otherwise or not at all: `blue eyes: drawn brown`."""


@dataclass(frozen=True)
class Row:
    """One epoch."""

    epoch: Epoch
    label: str
    score: str
    share: float
    """Of a full score, in per cent."""
    selected: bool
    marks: tuple[Mark, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """What templates/epochs.html shows."""

    shared: str
    prompts: tuple[Prompt, ...]
    rows: tuple[Row, ...]
    note: str


def epochs(facts: Facts) -> Grid:
    """The section with every picture."""
    shared = shared_tags(list(facts.prompts.values()))
    prompts = tuple(Prompt(name, without_tags(text, shared)) for name, text in facts.prompts.items())
    rows = tuple(_row(epoch, facts) for epoch in facts.scores.epochs)
    return Grid(", ".join(shared), prompts, rows, _note(rows, facts))


def _row(epoch: EpochScore, facts: Facts) -> Row:
    chosen = facts.is_selected(epoch)
    drawn = {picture.name: picture for picture in epoch.drawn}
    return Row(
        epoch=epoch.number,
        label="selected" if chosen else label(epoch),
        score=points(epoch.score),
        share=round(10 * epoch.score, 1),
        selected=chosen,
        marks=(*_choice_marks(epoch, facts), *(Mark(remark.word, remark.sentence) for remark in epoch.remarks)),
        cells=tuple(_cell(epoch.number, drawn.get(name), facts) for name in facts.prompts),
    )


def _choice_marks(epoch: EpochScore, facts: Facts) -> Iterable[Mark]:
    chosen = facts.selection
    if epoch.number in chosen.passed_over:
        yield Mark("passed over", "Not considered: too many of its pictures are copies of training sprites.")
    if epoch.number in chosen.tied and epoch.number != chosen.epoch and len(chosen.tied) > 1:
        yield Mark("tied", "As good as the selected epoch, as far as these prompts can tell.", "info")


def _cell(epoch: Epoch, picture: PictureScore | None, facts: Facts) -> Cell:
    if picture is None:
        return Cell(None, "", "", "", (), (), ())
    sentences = [
        f"{remark.word.capitalize()}: {remark.sentence}." for remark in picture.remarks if remark.word != NAMED
    ]
    who = "Untouched base" if epoch == 0 else f"Epoch {epoch}"
    if picture.named:
        sentences.append(f"Named: {' | '.join(thing.sentence for thing in picture.named)}.")
    grave, others = ([r for r in picture.remarks if (r.word in GRAVE) == wanted] for wanted in (True, False))
    wrong = tuple(thing.sentence for thing in picture.named if thing.shows in ("otherwise", "missing"))
    return Cell(
        picture=inline(picture_path(epoch, picture.name), facts.manifest.art_pixels, facts.grid_pixels),
        pixels=picture.pixels,
        alt=" ".join([f"{who}, prompt {picture.name}, score {points(picture.score)} of 10.", *sentences]),
        score=points(picture.score),
        marks=tuple(Mark(remark.word, remark.sentence) for remark in grave),
        others=tuple(
            Mark(remark.word, remark.sentence, "") for remark in others if not (wrong and remark.word == NAMED)
        ),
        wrong=wrong,
    )


def _note(rows: tuple[Row, ...], facts: Facts) -> str:
    """How the pictures on the page differ from their files."""
    pictures = [cell.picture for row in rows for cell in row.cells if cell.picture]
    ways = {picture.shrunk for picture in pictures if picture.shrunk or not picture.lossy}
    lossy = sum(picture.lossy for picture in pictures)
    said = []
    if "" in ways:
        said.append("Pictures are stored here pixel by pixel as they were drawn.")
    if "exact" in ways:
        said.append("Pictures exactly on the grid are stored with one pixel per art pixel, which loses nothing.")
    if "area" in ways:
        said.append(
            f"Pictures wider than {facts.grid_pixels} pixels are averaged down over areas from "
            f"{facts.manifest.resolution} pixels, so they look softer here than their files."
        )
    if lossy:
        said.append(
            f"{lossy} of {plural(len(pictures), 'picture')} would take more than {size(MOST_BYTES)} and had to be "
            "compressed with a loss."
        )
    return " ".join([*said, "All are shown without smoothing."])
