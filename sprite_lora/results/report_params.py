"""The section `report` of params.yaml."""

from typing import Annotated

from pydantic import Field

from sprite_lora.core.params import Section


class Report(Section):
    """How the page is titled, how large its pictures are, and what it is held against."""

    key = "report"

    title: Annotated[str, Field(min_length=1, description="the page's heading and the browser tab's title")]
    grid_pixels: Annotated[
        int, Field(ge=24, le=1024, description="pixels; pictures of the epochs x prompts grid are at most this wide")
    ]
    compare_with: Annotated[
        str | None,
        Field(
            pattern=r"^[^-\s][^\s]*$",
            description="Git revision of an earlier run that `what changed` is held against; null for none",
        ),
    ]
