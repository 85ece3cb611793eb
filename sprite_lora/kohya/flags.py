"""What a row on a trainer flag holds: kohya's name and default, what it does, where metadata records it.

The rows themselves stand in rows/: each field of `Train` is one, and those flags that only sd-scripts has stand
beside it. Everything else that names flags derives from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from pydantic import Field
from pydantic.fields import FieldInfo

ARCHITECTURE = "architecture"
BATCH = "resolution and batch"
OPTIMISATION = "optimisation"
PRECISION = "precision"
NOISE = "noise and regularisation"
DATA = "captions and data"
SAMPLING = "prompts and sampling"
DURATION = "duration"
SOFTWARE = "software"
SPEED = "speed and memory"
"""Changes time and memory, and results by rounding alone; never counted as an effective change."""

NOT_COMPARED = ""
"""Changes no result, or is compared as software."""

GROUPS = (ARCHITECTURE, BATCH, OPTIMISATION, PRECISION, NOISE, DATA, SAMPLING, DURATION, SOFTWARE, SPEED)

ON = object()
"""In `Flag.needs`: any value but those of OFF."""

OFF = (None, 0, 0.0, False, "", "none")
"""Values that sd-scripts reads as `not used` wherever a setting may be off."""

LARGEST = 1e6
"""Of any factor and rate: far beyond all use, and its square still a number in 32 bit."""

Rate = Annotated[float, Field(ge=0, le=LARGEST)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]

Needs = tuple[tuple[str, tuple[Any, ...]], ...]

_AS_DEFAULT = object()


@dataclass(frozen=True)
class Flag:
    """One row: what the project knows of one flag."""

    name: str
    group: str
    """Under which `drift` shows a difference, or NOT_COMPARED."""
    default: Any
    """kohya's, as it takes effect."""
    effect: str = ""
    """What a difference does, in one line."""
    needs: Needs = ()
    """It does something only if one of these flags has one of these values; `(ON,)` is any but off."""
    off_at_zero: bool = False
    """0 and `not given` are one. A learning rate or a seed of 0 is a value."""
    metadata: str = ""
    """Key of a file's metadata whose value is the flag's, as `str()` gives it."""
    dataset: str = ""
    """Key of one entry of `ss_datasets` (a run with --dataset_config)."""
    subset: str = ""
    """Key of one subset of such an entry."""
    written: bool = True
    """False for metadata keys that sd-scripts got after the release whose files ours equal: read, not written."""
    section: str = ""
    """The section of params.yaml that holds it; empty where it can't be chosen."""
    refused: str = ""
    """Why it must not stand in the section `train`: what it would do to pictures that `package` made."""
    backends: tuple[str, ...] = ("native", "kohya")
    """Which trainers know it."""
    after: str = ""
    """For a row that is no field of `Train`: the one that it follows in drift's tables; empty: the one above it."""


kohya = partial(Flag, backends=("kohya",))
"""A row of a flag that sd-scripts alone knows."""


def flag(  # more than seven parameters: one for each column of the row  # noqa: PLR0913  a row of a table
    default: Any,
    group: str,
    *,
    comment: str,
    effect: str = "",
    needs: Needs = (),
    off_at_zero: bool = False,
    metadata: str = "",
    dataset: str = "",
    subset: str = "",
    written: bool = True,
    backends: tuple[str, ...] = ("native", "kohya"),
    means: Any = _AS_DEFAULT,
    required: bool = False,
    **constraints: Any,
) -> Any:
    """A field of `Train` with its row.

    `comment` is what params.yaml and the presets say behind the key. `means`: what a default of None stands for.
    `required`: params.yaml must have it, since dvc.yaml lists it or there is no default. `constraints` are pydantic's.
    """
    field: FieldInfo = Field(... if required else default, description=comment, **constraints)
    row = Flag(
        "", group, default if means is _AS_DEFAULT else means, effect, needs, off_at_zero, metadata, dataset, subset,
        written, section="train", backends=backends,
    )  # fmt: skip
    field.metadata.append(row)
    return field


def row_of(name: str, field: FieldInfo) -> Flag:
    """The row that `flag` put on a field."""
    return replace(next(item for item in field.metadata if isinstance(item, Flag)), name=name)


def table(fields: Iterable[Flag], others: Iterable[Flag]) -> dict[str, Flag]:
    """Name to row: the fields in their order, each other row after the one that it names or that stands above it."""
    rows = list(fields)
    place = 0
    for row in others:
        if row.after:
            place = [placed.name for placed in rows].index(row.after) + 1
        rows.insert(place, row)
        place += 1
    assert len({row.name for row in rows}) == len(rows), "a flag has two rows"
    return {row.name: row for row in rows}


def holds(value: Any, allowed: tuple[Any, ...]) -> bool:
    """Whether a value is one of those that a row needs."""
    return value not in OFF if ON in allowed else value in allowed


def in_words(needed: str, allowed: tuple[Any, ...]) -> str:
    """One of a row's needs: `noise_offset`, or `lr_scheduler cosine_with_restarts`."""
    return needed if ON in allowed or True in allowed else f"{needed} {' or '.join(map(str, allowed))}"
