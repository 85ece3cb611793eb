"""What the page is made from: the results of the stages before, read into values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sprite_lora.results.changes import Changes

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Picture:
    """One drawn picture and what `score` said of it."""

    prompt: str
    """The prompt's name."""
    path: Path
    score: float
    """0 to 10."""
    remarks: tuple[tuple[str, str], ...]
    """What is wrong with it, worst first: a short word and a sentence each."""


@dataclass(frozen=True)
class Epoch:
    """One epoch's pictures; epoch 0 is the untouched base."""

    number: int
    score: float
    """0 to 10."""
    error: float
    """Standard error of the score over the prompts, in points."""
    metrics: dict[str, float]
    """Means over the pictures, 0 to 1."""
    pictures: dict[str, Picture]
    """By the prompt's name."""
    remarks: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        return "untouched base" if self.number == 0 else ""


@dataclass(frozen=True)
class Selected:
    """What `select` chose, and why."""

    epoch: int
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    margin: float | None
    """Points above the runner-up; below it, negative, where a tie went to the earlier epoch."""
    runner_up: int | None
    spread: float | None
    """Standard error of that margin over the prompts, in points."""
    tied: tuple[int, ...]
    """Epochs that cannot be told from the best."""
    passed_over: tuple[int, ...]
    """Epochs that copy training sprites too often."""
    file: Path
    bytes: int
    model_hash: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Sprite:
    """One finished sprite."""

    prompt: str
    path: Path
    drawn_colours: int
    """Different colours of the picture before it was finished."""
    palette: dict[str, int]
    """`#rrggbb` of the sprite to the number of its cells, most first."""


@dataclass(frozen=True)
class Facts:
    """All of it."""

    art_pixels: int
    resolution: int
    prompts: dict[str, str]
    epochs: tuple[Epoch, ...]
    training_score: float
    """What the training sprites themselves score, 0 to 10: where a perfect drawing stands."""
    selected: Selected
    sprites: tuple[Sprite, ...]
    findings: tuple[dict[str, str], ...]
    overview: dict[str, Any]
    """What `validate` counted in captions and sprites."""
    plan: dict[str, int]
    """What `package` foretold: steps, checkpoints, bytes."""
    series: dict[str, Points]
    """Of the training: step and value, by the metric's name."""
    params: dict[str, Any]
    compared_with: str | None
    """Git revision of the run that this one is held against."""
    changes: Changes | None
    """What changed since; None where there is nothing to hold this run against."""
