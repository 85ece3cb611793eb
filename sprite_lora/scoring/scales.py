"""What the metrics are tuned by: the section `score` of params.yaml without the weights."""

from pydantic import Field

from sprite_lora.core.params import Section


class Scales(Section):
    """Tolerances and limits of the metrics."""

    key = "score"

    tolerance: float = Field(ge=0, le=1, description="OKLab distance below which two colours count as one")
    usual_share: float = Field(
        gt=0, le=1, description="share of the training sprites that sets the upper end of what counts as usual"
    )
    residual_scale: float = Field(
        gt=0, description="share of the picture's colour spread left inside cells at which `residual` falls to one half"
    )
    copy_tolerance: float = Field(ge=0, le=1, description="OKLab distance below which two cells count as equal")
    copy_limit: float = Field(
        gt=0, description="a copy is nearer to a sprite than this share of the sprites' own median nearest distance"
    )
