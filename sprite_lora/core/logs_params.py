"""The section `logs` of params.yaml: what is only looked at while it runs."""

from typing import Annotated, ClassVar

from pydantic import Field

from sprite_lora.core.params import Section


class Logs(Section):
    """What goes to logs/, which nothing else reads: so no stage of dvc.yaml but the checks and the page depends on it.

    kohya's names and meaning.
    """

    key: ClassVar[str] = "logs"

    sample_every_n_epochs: Annotated[int, Field(ge=1)] | None = Field(
        description="draw the prompts after each n-th epoch while it trains"
    )
    sample_at_first: bool = Field(description="draw them before the first step too")
