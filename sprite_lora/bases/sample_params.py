"""The section `sample` of params.yaml."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from sprite_lora.bases.samplers import SAMPLERS
from sprite_lora.core.params import LONGEST_STEM, Section

PictureName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=LONGEST_STEM)]
Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
if TYPE_CHECKING:
    SamplerName = str
else:
    SamplerName = Literal[tuple(SAMPLERS)]


class Sample(Section):
    """What each epoch draws, and how."""

    key: ClassVar[str] = "sample"

    seed: int = Field(ge=0, lt=2**63, description="starts the noise of each picture by itself, on a CPU generator")
    steps: int = Field(ge=1, le=1000, description="denoising steps per picture")
    guidance_scale: float = Field(ge=0, le=1e6, description="classifier-free guidance, Ho & Salimans (2022); 1 = off")
    scheduler: SamplerName = Field(description="how the noise is taken away, by the names that kohya's sampler has")
    negative_prompt: str = Field(description="what the pictures are pushed away from; empty = nothing in particular")
    network_mul: float = Field(
        ge=-1e6, le=1e6, description="strength of the LoRA; 1 = as trained, 0 = the untouched base (kohya's --am)"
    )
    prompts: dict[PictureName, Prompt] = Field(
        min_length=1, description="name of the picture (file name without .png) to its prompt"
    )
