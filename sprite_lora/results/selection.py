"""reports/select.json, its metrics file and the record beside the selected LoRA: which epoch, and why."""

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Count, Part, Result, Score, Share
from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.people import People
from sprite_lora.results.records import TrainingRecord


class Best(Part):
    """The usable epoch with the highest merit; another one than the selected where a tie went to an earlier epoch."""

    epoch: Epoch
    score: Score


class Chance(Part):
    """How likely an epoch is the best."""

    epoch: Epoch
    best: Share
    """Share of bootstrap draws, over prompts and seeds, in which it has the highest merit."""


class Selection(Result):
    """Scores are in points of 10, epochs are numbers."""

    place = Paths.reports / "select.json"
    stage = "select"

    epoch: Epoch
    score: Score
    best: Best
    runner_up: Epoch | None
    margin: Score | None
    """Points above the runner-up, by score and people's ratings; negative where a tie went to the earlier epoch."""
    spread: Score | None
    """Standard error of that margin over the prompts and the ratings, in points."""
    chances: tuple[Chance, ...]
    """Of the epochs that are not passed over, in order."""
    tied: tuple[Epoch, ...]
    """Epochs that cannot be distinguished from the best, the selected one among them."""
    passed_over: tuple[Epoch, ...]
    """Epochs that copy training sprites too often."""
    base: Score | None
    """The untouched base's score."""
    gain: Score | None
    """Points above the untouched base."""
    people: People | None
    """What people prefer; None where nobody rated a pair of these pictures."""
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    more_pictures: Count | None
    """Pictures per epoch that would tell the selected epoch from the runner-up that it ties with.

    None where they do not tie, and where no reasonable number would.
    """
    usable: bool
    """Whether the selected epoch reaches select.production_ready; where it does not, no epoch does."""
    reasons_against: tuple[str, ...]
    """Why it does not."""
    file: str
    """The selected LoRA, relative to the project's folder."""
    checkpoint: str
    """File name of the checkpoint that it is a copy of."""
    model_hash: str
    """Its `sshs_model_hash`."""

    def chance(self, epoch: Epoch) -> float | None:
        """How likely an epoch is the best, 0 to 1; None for one that was passed over, and for the untouched base."""
        return next((chance.best for chance in self.chances if chance.epoch == epoch), None)


class SelectedRecord(Result):
    """outputs/selected/record.json: why this epoch, and what made it."""

    place = Paths.selected / "record.json"
    stage = "select"

    selection: Selection
    checkpoint: TrainingRecord | None
    """None where another tool wrote the checkpoint."""


class SelectedMetrics(Part):
    """The selection in numbers."""

    epoch: Epoch
    score: Score
    gain: Score | None
    """Points above the untouched base."""


class SelectSummary(Result):
    """reports/select_summary.json: the selection as DVC metrics."""

    place = Paths.reports / "select_summary.json"
    stage = "select"

    selected: SelectedMetrics
