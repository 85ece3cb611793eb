"""The section `select` of params.yaml."""

from pydantic import Field

from sprite_lora.core.params import Section, Strict


class ProductionReady(Strict):
    """What an epoch must reach to be usable."""

    least_score: float = Field(default=6.5, ge=0, le=10, description="points of 10: an epoch below it is not usable")
    failed_below: float = Field(default=5.0, ge=0, le=10, description="points of 10: a picture below it has failed")
    most_failed: float = Field(
        default=0.25, ge=0, le=1, description="share of an epoch's pictures that may have failed"
    )


class Select(Section):
    """How the epoch is chosen."""

    key = "select"

    tie_points: float = Field(ge=0, le=10, description="points of 10: epochs nearer than this to the best tie with it")
    tie_standard_errors: float = Field(
        ge=0, description="standard errors of the difference over the prompts: nearer than this ties too"
    )
    copied_limit: float = Field(
        ge=0, le=1, description="share of an epoch's pictures that may be copies before it is passed over"
    )
    people: float = Field(
        default=0.0, ge=0, le=1, description="weight of people's ratings in the choice; 0 = the score alone decides"
    )
    production_ready: ProductionReady = Field(
        default_factory=ProductionReady, description="where no epoch reaches this, the verdict is: none is usable"
    )
