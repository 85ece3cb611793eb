"""What the page is made from: the results of the stages before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sprite_lora.core.params import Paths
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.lora.epochs import Epoch, epoch_folder
from sprite_lora.results.changes import Changes
from sprite_lora.results.finished import SpriteColours
from sprite_lora.results.plan import Plan
from sprite_lora.results.records import TrainingRecord
from sprite_lora.results.scores import EpochScore, Scores
from sprite_lora.results.selection import Selection
from sprite_lora.results.validation import Validation

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Facts:
    """All of it."""

    manifest: Manifest
    validation: Validation
    plan: Plan
    scores: Scores
    selection: Selection
    record: TrainingRecord | None
    """What made the selected checkpoint; None where another tool wrote it."""
    selected_bytes: int
    """Size of the selected LoRA's file."""
    colours: dict[str, SpriteColours]
    """Of the finished sprites, by prompt's name."""
    series: dict[str, Points]
    """Of the training: step and value, by the metric's name."""
    params: dict[str, Any]
    """params.yaml, all of it."""
    grid_pixels: int
    """Pictures of the epochs x prompts grid are at most so many pixels wide."""
    compared_with: str | None
    """Git revision of the run that this one is held against."""
    changes: Changes | None
    """What changed since; None where there is nothing to hold this run against."""

    @property
    def prompts(self) -> dict[str, str]:
        """Name to prompt; all epochs drew the same."""
        return {picture.name: picture.prompt for picture in self.scores.epochs[0].drawn}

    def is_selected(self, epoch: EpochScore) -> bool:
        """Whether this is the epoch that `select` chose."""
        return epoch.number == self.selection.epoch


def label(epoch: EpochScore) -> str:
    """What stands beside the number of an epoch that is not selected."""
    return "untouched base" if epoch.number == 0 else ""


def picture_path(epoch: Epoch, prompt: str) -> Path:
    """Where a drawn picture lies."""
    return epoch_folder(Paths.samples, epoch) / f"{prompt}.png"


def sprite_path(prompt: str) -> Path:
    """Where a finished sprite lies, at one pixel per art pixel."""
    return Paths.finished / f"{prompt}.png"
