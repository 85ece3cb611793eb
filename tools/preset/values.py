"""One value of a foreign configuration: whether a key of `train` takes it, and how it is shown."""

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args

from pydantic import TypeAdapter

from sprite_lora.core.params import section_problems
from sprite_lora.dataset.checks.finding import quote
from sprite_lora.kohya.train_params import Train

SHOWN = 60
"""Characters of a value that are printed."""


def plain(value: Any) -> bool:
    """Whether a flag can have it: a finite number, printable text, or a list of those."""
    if isinstance(value, list):
        return all(not isinstance(one, list) and plain(one) for one in value)
    if isinstance(value, str):
        return value.isprintable() and _encodable(value)
    if isinstance(value, int | float):
        return abs(value) < 2**63  # which nan is not either
    return value is None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    """On one line, without control characters, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    bare = quote(text.encode("utf-8", "backslashreplace").decode(), SHOWN)
    return bare[1:-1] if re.fullmatch(r'"[\w.,+-]*"', bare) or not isinstance(value, str) else bare


def numbers(value: Any) -> list[Any]:
    """The numbers of `576`, `"512,512"`, `[512, 512]` or `"0.0001"`, whole ones as int; none for anything else."""
    parts = value if isinstance(value, list) else str(value).strip("()[] ").split(",") if value is not True else []
    try:
        found = [float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        return []
    return [int(one) if one.is_integer() else one for one in found] if all(map(math.isfinite, found)) else []


def allowed(train: dict[str, Any], name: str, value: Any) -> tuple[Any, str]:
    """The value as the key `name` of a valid section `train` takes it, and why it does not: one of the two.

    sd-scripts reads numbers and names from text; so do the tries here, in turn.
    """
    reason = ""
    for one in _tries(name, value):
        wrong = [message for where, message in section_problems(Train, train | {name: one}) if where[1:2] == (name,)]
        if not wrong:
            return _as_read(name, one), ""
        reason = reason or wrong[0].partition(": ")[2]
    return None, reason


def _tries(name: str, value: Any) -> Iterator[Any]:
    field = Train.model_fields[name]
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        value = value.strip().lower() == "true"
    if isinstance(value, bool) and bool not in (field.annotation, *get_args(field.annotation)):
        value = str(value)  # 1 is a number, true is none
    yield value
    if isinstance(value, str):
        if value == "":
            yield None
        for option in _options(field.annotation):
            if str(option).lower() == value.strip().lower():
                yield option
        yield value.replace('"', "").split()
    found = numbers(value)
    if found:
        yield found[0]


def _options(annotation: Any) -> Iterator[Any]:
    """The words of a Literal, alone or beside None."""
    for part in get_args(annotation):
        if isinstance(part, str | int):
            yield part
        else:
            yield from _options(part)


def _as_read(name: str, value: Any) -> Any:
    """As the section holds it, in types that YAML has: a number and not its text."""
    field = Train.model_fields[name]
    kind: Any = Annotated[field.annotation, field]
    read = TypeAdapter(kind).validate_python(value)
    return list(read) if isinstance(read, tuple) else read
