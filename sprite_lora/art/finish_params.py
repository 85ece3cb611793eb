"""The section `finish` of params.yaml."""

from typing import Annotated

from pydantic import Field

from sprite_lora.core.params import Section


class Finish(Section):
    """How the selected epoch's pictures become sprites."""

    key = "finish"

    enlarge: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(
        description="whole factors of the crisp enlargements beside each sprite; empty for none"
    )
    merge: float = Field(ge=0, le=1, description="OKLab distance within which colours of one sprite become one")
