"""The section `package` of params.yaml."""

from typing import Annotated

from pydantic import Field

from sprite_lora.core.params import Section


class Package(Section):
    """How sprites become training pictures."""

    key = "package"

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
            max_length=64,
            description="class name in kohya's folder name <num_repeats>_<name>",
        ),
    ]
    num_repeats: Annotated[int, Field(ge=1, le=10_000, description="times that each picture is seen per epoch")]
    art_pixels: Annotated[int, Field(ge=4, le=256, description="side of a sprite in art pixels")]
    resolution: Annotated[int, Field(ge=8, le=4096, description="side of a training picture in pixels")]
    background: Annotated[
        str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="#rrggbb that transparent pixels are laid on")
    ]
