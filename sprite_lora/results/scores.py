"""reports/score.json: how `score` judged every picture and every epoch, and by which metrics."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Name, Part, Result, Score, Share
from sprite_lora.lora.epochs import Epoch

Pixels = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""Hash of a picture's pixels, as its record has it."""


class Remark(Part):
    """What is wrong, in words."""

    word: str
    """One or two words."""
    sentence: str
    """Without a full stop."""


class MetricWords(Part):
    """A metric as people read of it."""

    name: str
    label: str
    """What a higher quality means, to complete `what sets it above epoch 3: ...`."""
    cost: str
    """What its weight is the price of."""
    weight: Share
    """Share of the score that is lost when nothing but this fails completely, 0 to 1."""


class TrainingLevel(Part):
    """Where the training sprites stand."""

    score: Score
    """Their mean score, 0 to 10: what a perfect drawing reaches."""
    copy_limit: float
    """A picture nearer than this to a sprite is a copy, share of the figure's cells."""
    nearest: float
    """Median distance of a sprite to its nearest other, share of the figure's cells."""


class NamedThing(Part):
    """One thing that a prompt names."""

    asked: str
    """As the prompt says it: `dark red glasses`."""
    shows: Literal["yes", "otherwise", "missing", "unsure", "unseen"]
    """`otherwise`: drawn, but not as named; `unseen`: the training set does not teach it."""
    sentence: str
    """`dark red glasses: drawn blue`."""
    chance: Share | None
    """That it is as asked, by sprites that were left out; None where it is unseen."""


class PictureScore(Part):
    """One judged picture."""

    name: Name
    """The prompt's name."""
    score: Score
    """0 to 10."""
    copies: Share
    """How much of a copy of a training sprite, 0 to 1."""
    nearest: float
    """Distance to the nearest training sprite: share of its figure's cells that differ."""
    nearest_sprite: str
    qualities: dict[str, Share]
    """By metric, 0 to 1; a metric that does not apply to the picture is left out."""
    measures: dict[str, int | float]
    """What the qualities come from, each in its own unit."""
    remarks: tuple[Remark, ...]
    """Worst first."""
    named: tuple[NamedThing, ...]
    """What the prompt names, in its order, what can't be seen last."""
    checkpoint: str
    """`sshs_model_hash` of the LoRA that drew it; empty for the untouched base."""
    prompt: str
    pixels: Pixels
    """Hash of its pixels, by which people's ratings know it."""


class EpochScore(Part):
    """One judged epoch; epoch 0 is the untouched base."""

    number: Annotated[Epoch, Field(ge=0, lt=10**6)]
    score: Score
    """0 to 10."""
    pictures: Score
    """Mean of its pictures' scores, before the faults of the epoch as a whole cost anything."""
    worst: Score
    """The lowest picture's score."""
    error: Score
    """Standard error of the mean over the prompts, in points."""
    faults: dict[str, Share]
    """By epoch metric (`copies`, `sameness`): 0 = none, 1 = completely."""
    qualities: dict[str, Share]
    """By picture metric: mean over the pictures that have it, 0 to 1."""
    remarks: tuple[Remark, ...]
    drawn: Annotated[tuple[PictureScore, ...], Field(min_length=1)]
    """Its pictures, one or more, by name."""

    @property
    def checkpoint(self) -> str:
        """`sshs_model_hash` of the LoRA that drew its pictures; empty for the untouched base."""
        return self.drawn[0].checkpoint

    @property
    def picture_scores(self) -> dict[str, float]:
        """Prompt's name to score, 0 to 10."""
        return {picture.name: picture.score for picture in self.drawn}

    @property
    def metrics(self) -> dict[str, float]:
        """Faults and mean qualities, 0 to 1."""
        return {**self.faults, **self.qualities}


class Scores(Result):
    """All that `select` and `report` need to know."""

    place = Paths.reports / "score.json"
    stage = "score"

    training: TrainingLevel
    metrics: tuple[MetricWords, ...]
    epochs: Annotated[tuple[EpochScore, ...], Field(min_length=1)]
    """In order, epoch 0 first where it was drawn."""

    @property
    def base(self) -> EpochScore | None:
        """The untouched base; None where it was not drawn."""
        return next((epoch for epoch in self.epochs if epoch.number == 0), None)

    @property
    def trained(self) -> tuple[EpochScore, ...]:
        """The epochs with a checkpoint."""
        return tuple(epoch for epoch in self.epochs if epoch.number > 0)
