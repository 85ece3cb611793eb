"""The grid: every epoch against every prompt, with the scores and what is wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from stages.report.facts import Epoch, Facts, Picture
from stages.report.pictures import MOST_BYTES, Inline, inline
from stages.report.words import Mark, plural, points, shared_tags, size, without_tags

GRAVE = ("collapsed", "copy", "background")
"""Remarks that get a mark of their own: a person would not take such a picture. The others are matters of degree."""


@dataclass(frozen=True)
class Prompt:
    """A column's head."""

    name: str
    text: str


@dataclass(frozen=True)
class Cell:
    """One picture."""

    picture: Inline | None
    alt: str
    score: str
    marks: tuple[Mark, ...]
    others: tuple[Mark, ...]


@dataclass(frozen=True)
class Row:
    """One epoch."""

    epoch: int
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


def grid(facts: Facts, at_most: int) -> Grid:
    """The section with every picture, each at most `at_most` pixels wide."""
    shared = shared_tags(list(facts.prompts.values()))
    prompts = tuple(Prompt(name, without_tags(text, shared)) for name, text in facts.prompts.items())
    rows = tuple(_row(epoch, facts, at_most) for epoch in facts.epochs)
    return Grid(", ".join(shared), prompts, rows, _note(rows, facts, at_most))


def _row(epoch: Epoch, facts: Facts, at_most: int) -> Row:
    chosen = epoch.number == facts.selected.epoch
    return Row(
        epoch=epoch.number,
        label="selected" if chosen else epoch.label,
        score=points(epoch.score),
        share=round(10 * epoch.score, 1),
        selected=chosen,
        marks=(*_choice_marks(epoch, facts), *(Mark(word, sentence) for word, sentence in epoch.remarks)),
        cells=tuple(_cell(epoch, name, facts, at_most) for name in facts.prompts),
    )


def _choice_marks(epoch: Epoch, facts: Facts) -> Iterable[Mark]:
    chosen = facts.selected
    if epoch.number in chosen.passed_over:
        yield Mark("passed over", "Not considered: too many of its pictures are copies of training sprites.")
    if epoch.number in chosen.tied and epoch.number != chosen.epoch and len(chosen.tied) > 1:
        yield Mark("tied", "As good as the selected epoch, as far as these prompts can tell.", "info")


def _cell(epoch: Epoch, prompt: str, facts: Facts, at_most: int) -> Cell:
    picture: Picture | None = epoch.pictures.get(prompt)
    if picture is None:
        return Cell(None, "", "", (), ())
    sentences = [f"{word.capitalize()}: {sentence}." for word, sentence in picture.remarks]
    who = "Untouched base" if epoch.number == 0 else f"Epoch {epoch.number}"
    return Cell(
        picture=inline(picture.path, facts.art_pixels, at_most),
        alt=" ".join([f"{who}, prompt {prompt}, score {points(picture.score)} of 10.", *sentences]),
        score=points(picture.score),
        marks=tuple(Mark(word, sentence) for word, sentence in picture.remarks if word in GRAVE),
        others=tuple(Mark(word, sentence, "") for word, sentence in picture.remarks if word not in GRAVE),
    )


def _note(rows: tuple[Row, ...], facts: Facts, at_most: int) -> str:
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
            f"Pictures wider than {at_most} pixels are averaged down over areas from {facts.resolution} pixels, "
            "so they look softer here than their files."
        )
    if lossy:
        said.append(
            f"{lossy} of {plural(len(pictures), 'picture')} would take more than {size(MOST_BYTES)} and had to be "
            "compressed with a loss."
        )
    return " ".join([*said, "All are shown without smoothing."])
