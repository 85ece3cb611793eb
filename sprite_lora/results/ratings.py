"""ratings/ratings.json: which of two pictures people found better. Made by people, kept in Git, read by `select`.

A picture is known by the hash of its pixels (`results.picture.pixels_hash`). So a rating survives a new name, and a run
that draws the same pictures again; to other pictures it never applies.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, write_text
from sprite_lora.core.plain_text import plain
from sprite_lora.core.result import Part
from sprite_lora.results.scores import Pixels

LARGEST = 2**24
"""Bytes of a file of ratings that are read."""

MOST = 2**16
"""Ratings of a file."""

RATER = r"^[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,38}[A-Za-z0-9])?$"

Rater = Annotated[str, StringConstraints(pattern=RATER)]
"""Whose answer it is: a name of at most 40 ASCII letters, digits and ` ._-`."""

Better = Literal["first", "second", "equal"]

Key = tuple[str, str, str]
"""First picture, second picture, rater."""


class Rating(Part):
    """One answer to one pair."""

    first: Pixels
    second: Pixels
    """The larger hash of the two."""
    better: Better
    by: Rater

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """A pair has one spelling."""
        if self.first >= self.second:
            raise ValueError("`first` must be the smaller hash of two different pictures")
        return self

    @classmethod
    def of(cls, one: str, other: str, better: str | None, by: str) -> Self:
        """A rating of two pictures in any order; `better` is the hash of the better one, None for equal."""
        first, second = sorted((one, other))
        answer: Better = "equal" if better is None else "first" if better == first else "second"
        return cls(first=first, second=second, better=answer, by=by)

    @property
    def key(self) -> Key:
        """One answer per pair and rater."""
        return self.first, self.second, self.by


class Ratings(Part):
    """All answers, sorted by pair and rater."""

    place: ClassVar = Path("ratings/ratings.json")
    """The file, relative to the project's folder. Its folder is in Git, so that DVC has something to depend on."""

    ratings: Annotated[tuple[Rating, ...], Field(max_length=MOST)] = ()

    @model_validator(mode="after")
    def once_each(self) -> Self:
        """A pair has one answer per rater."""
        if len({rating.key for rating in self.ratings}) < len(self.ratings):
            raise ValueError("a rater's answer to a pair stands there twice")
        return self

    @classmethod
    def read(cls, root: Path = Path()) -> Self:
        """The project's ratings; none where there is no file. Raises SpriteLoraError for one of another form."""
        path = root / cls.place
        if not path.exists():
            return cls()
        return cls.load(path, f"bring back an earlier one: git checkout -- {cls.place}")

    @classmethod
    def load(cls, path: Path, hint: str = "") -> Self:
        """The ratings in a file. Raises SpriteLoraError, with `hint`, where it is no file of ratings."""
        try:
            return cls.model_validate_json(read_bounded(path, LARGEST))
        except ValidationError as error:
            first = error.errors()[0]
            where = plain(".".join(map(str, first["loc"])))[:80]
            more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
            said = first["msg"].removeprefix("Value error, ")
            raise SpriteLoraError(
                f"{path}: no file of ratings: {f'{where}: ' if where else ''}{said}{more}", hint
            ) from None

    def write(self, root: Path = Path()) -> None:
        """Write the file, whole or not at all: a line per rating, so that a diff shows which changed."""
        lines = ",\n".join(f"  {rating.model_dump_json()}" for rating in self.ratings)
        write_text(root / self.place, f'{{"ratings": [\n{lines}\n]}}\n' if lines else '{"ratings": []}\n')

    def with_all(self, more: tuple[Rating, ...]) -> "Ratings":
        """With more answers; each takes the place of its rater's earlier answer to the pair."""
        held = {rating.key: rating for rating in (*self.ratings, *more)}
        if len(held) > MOST:
            raise SpriteLoraError(f"more than {MOST:,} ratings", "remove those of pictures that are gone")
        return Ratings(ratings=tuple(held[key] for key in sorted(held)))

    def without(self, key: Key) -> "Ratings":
        """Without one answer."""
        return Ratings(ratings=tuple(rating for rating in self.ratings if rating.key != key))
