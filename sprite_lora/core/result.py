"""A stage's result as a file: one model that its writer and its readers share."""

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, write_json

LARGEST = 2**28
"""Bytes of a result that are read: the manifest of a million pictures."""

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""How many; whole numbers that a float holds exactly."""

Score = Annotated[float, Field(ge=-10, le=10)]
"""Points of 10, or a difference of two scores."""

Share = Annotated[float, Field(ge=0, le=1)]

Name = Annotated[str, StringConstraints(pattern=r"^[^/\x00]{1,250}$")]
"""What a file is called after: it leads to no other folder."""


class Part(BaseModel):
    """A part of a result. Unknown keys, infinity and NaN are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Result(Part):
    """One JSON file that a stage writes and others read."""

    place: ClassVar[Path]
    """The file, relative to the project's folder."""
    stage: ClassVar[str]
    """The stage that writes it."""

    def write(self, root: Path = Path()) -> None:
        """Write the file at its place below `root`, whole or not at all."""
        self.save(root / self.place)

    def save(self, path: Path) -> None:
        """Write the file at `path`, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def read(cls, root: Path = Path()) -> Self:
        """Read the file at its place below `root`. Raises SpriteLoraError where it is absent or of another form."""
        return cls.load(root / cls.place)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file at `path`. Raises SpriteLoraError where it is absent or of another form."""
        if not path.exists():
            raise SpriteLoraError(f"{path} is missing", f"run the stage that writes it: dvc repro {cls.stage}")
        return cls.parse(read_bounded(path, LARGEST), path.as_posix())

    @classmethod
    def parse(cls, content: str | bytes, name: str) -> Self:
        """Read the file's content; messages call it `name`. Raises SpriteLoraError where it is of another form."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise SpriteLoraError(
                f"{name} has another form than this version writes: {f'{where}: ' if where else ''}{first['msg']}"
                + (f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""),
                f"write it anew: dvc repro -f {cls.stage}",
            ) from None
