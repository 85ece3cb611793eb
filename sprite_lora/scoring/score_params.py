"""The section `score` of params.yaml."""

from pydantic import BaseModel, ConfigDict, Field

from sprite_lora.core.params import Section


class Lost(BaseModel):
    """Share of the score that is lost when nothing but this metric fails completely, 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    residual: float = Field(ge=0, le=1, description="of a picture: cells that are not one colour inside")
    edges: float = Field(ge=0, le=1, description="of a picture: contours that do not lie on cell borders")
    coherence: float = Field(ge=0, le=1, description="of a picture: gradients out of step with the grid")
    palette: float = Field(ge=0, le=1, description="of a picture: more or fewer colours than training sprites have")
    detail: float = Field(ge=0, le=1, description="of a picture: busier or emptier than training sprites are")
    coarse: float = Field(ge=0, le=1, description="of a picture: its own pixels are two or more cells wide")
    layout: float = Field(ge=0, le=1, description="of a picture: contours that stand where no sprite has them")
    stray: float = Field(ge=0, le=1, description="of a picture: more single stray cells than training sprites have")
    background: float = Field(ge=0, le=1, description="of a picture: another background than its prompt names")
    copies: float = Field(ge=0, le=1, description="of an epoch: pictures that are copies of training sprites")
    sameness: float = Field(ge=0, le=1, description="of an epoch: the same picture whatever the prompt")


class Score(Section):
    """How pictures are judged."""

    key = "score"

    tolerance: float = Field(ge=0, le=1, description="OKLab distance below which two colours count as one")
    usual_share: float = Field(
        gt=0, le=1, description="share of the training sprites that sets the upper end of what counts as usual"
    )
    residual_scale: float = Field(
        gt=0, description="share of the picture's colour spread left inside cells at which `residual` falls to one half"
    )
    background_softness: float = Field(
        gt=0, description="OKLab distance by which another colour word may fit better until `background` falls to 1/e"
    )
    copy_tolerance: float = Field(ge=0, le=1, description="OKLab distance below which two cells count as equal")
    copy_limit: float = Field(
        gt=0, description="a copy is nearer to a sprite than this share of the sprites' own median nearest distance"
    )
    lost: Lost = Field(description="weights: share of the score that each metric's failure costs")
