"""The section `package` of params.yaml."""

from typing import Annotated

from pydantic import ConfigDict, Field

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


class Steps(Section):
    """What of the section `train` decides how many steps and how large checkpoints the plan foretells."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    key = "train"

    train_batch_size: int
    gradient_accumulation_steps: int
    num_processes: int
    max_train_epochs: int
    save_every_n_epochs: int
    network_dim: int
    conv_dim: int | None
    network_train_unet_only: bool
    network_train_text_encoder_only: bool
    save_precision: str | None
