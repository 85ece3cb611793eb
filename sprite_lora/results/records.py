"""What made a checkpoint or a picture: the records that the files themselves carry, as far as stages read them.

A record may hold more than is named here; that is kept as it is.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.epochs import Epoch


class Stamped(BaseModel):
    """A record; what is not named here is kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, JsonValue]

    @classmethod
    def of(cls, content: object, name: str, hint: str) -> Self:
        """The record that a file holds. Raises SpriteLoraError, with `hint`, where it lacks what stages read."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            wrong = ".".join(map(str, error.errors()[0]["loc"]))
            raise SpriteLoraError(f"{name}: its record has no usable `{wrong}`", hint) from None


class TrainingRecord(Stamped):
    """What made a checkpoint: `train` stamps it into the file's header."""

    epoch: Epoch
    captions: str
    """Hash of the set of captions."""
    sprites: str
    """Hash of the set of training pictures."""
    base: str
    """Hash of the base model."""
    code: str
    """Hash of the training's code."""
    versions: dict[str, str]
    """Library to its version."""
    fingerprint: str
    """One hash of all of it."""


class PictureRecord(Stamped):
    """What made a picture: `sample` stamps it into the PNG."""

    epoch: Epoch
    prompt: str
    checkpoint: str | None
    """`sshs_model_hash` of the LoRA that drew it; None for the untouched base."""
    finite: bool
    """Whether the base's and the LoRA's numbers stayed numbers; where not, something was drawn in their place."""
