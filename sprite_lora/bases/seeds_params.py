"""The section `sample` with several seeds per prompt: what the drawn epochs are judged by.

Apart from `sample_params`, which `train` reads too: pictures while it trains know one seed.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from sprite_lora.bases.sample_params import Sample
from sprite_lora.core.params import LONGEST_STEM

Seed = Annotated[int, Field(ge=0, lt=2**63)]


class SampleSeeds(Sample):
    """What each epoch draws, and how."""

    seeds: tuple[Seed, ...] = Field(
        default=(), description="seeds of each prompt, in the place of `seed`; empty = `seed` alone"
    )

    @model_validator(mode="after")
    def names_fit(self) -> Self:
        """No seed stands there twice, and each picture has a name that a file can have."""
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("`seeds` holds a seed twice: the same picture would count twice")
        longest = max(self.pictures, key=len)
        if len(longest) > LONGEST_STEM:
            raise ValueError(f"picture {longest}: prompt's name and seed have more than {LONGEST_STEM} characters")
        return self

    @property
    def pictures(self) -> dict[str, tuple[str, int]]:
        """Picture's name to its prompt's name and its seed.

        One seed: the prompt's name. Several: `<prompt>.<seed>`, which is no other prompt's name, for these hold no dot.
        """
        seeds = self.seeds or (self.seed,)
        if len(seeds) == 1:
            return {name: (name, seeds[0]) for name in self.prompts}
        return {f"{name}.{seed}": (name, seed) for name in self.prompts for seed in seeds}
