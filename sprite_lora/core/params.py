"""params.yaml, read into frozen, typed sections.

A section is a class in a module `*_params.py`, in the package that it is about. A stage that needs a value reads just
that section, `load(Train)`, so that no stage depends on code that it does not use.
"""

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from ruamel.yaml.error import YAMLError

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.inputs import cache_problem, name_problem, overlap_problems
from sprite_lora.core.yaml_text import LONGEST, Lines, parse_with_lines

FILE = Path("params.yaml")

BRING_BACK = f"bring back the project's own: git checkout {FILE}"


LONGEST_STEM = 100
"""Bytes of a name that becomes a file's: with suffixes and as a temporary name below the 143 of some file systems."""

QUOTED = 200
"""Characters of a value that a message quotes at most."""

PLACE = "place"
"""pydantic's type of an error whose message says all, without the value: folders of a machine are nobody's business."""


class Strict(BaseModel):
    """Unknown keys and numbers that are none (infinity, NaN) are refused, values cannot change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Section(Strict):
    """One section of params.yaml."""

    key: ClassVar[str]
    """The section's key in params.yaml: the stage's name."""


def _checked(problem: Callable[[str], str]) -> BeforeValidator:
    """Raises where `problem` finds one in a path as it is written: `Path` would hide what it leaves out."""

    def check(value: Any) -> Any:
        if isinstance(value, str | Path) and (found := problem(str(value))):
            raise PydanticCustomError(PLACE, "{problem}", {"problem": found})
        return value

    return BeforeValidator(check)


Input = Annotated[Path, _checked(name_problem)]
"""A file or folder that is read."""


class Paths(Section):
    """Where everything lies, relative to the folder of params.yaml: inputs as params, results at fixed places.

    What the stages write is no param, so that no value can make them, or DVC, delete anything else. dvc.yaml names the
    same places; tests/pipeline/test_edges.py holds the two to each other. Inputs lie below the project, since dvc.yaml
    reads them as `./${paths.data}`: so DVC takes none for a network address, and no folder of the machine stands in
    dvc.lock.
    """

    key = "paths"

    data: Input = Field(description="folder of sprites, flat, *.png")
    captions: Input = Field(description="folder of captions, flat, *.txt, one per sprite, same stem")
    regularisation: Input = Field(description="regularisation pictures in `<repeats>_<class>/`, or an empty folder")
    base: Input = Field(
        description="base model: a diffusers folder or one .safetensors file, local so that it is hashed"
    )
    vae: Input = Field(
        description="autoencoder in place of the base's: diffusers folder or .safetensors file; empty folder = own"
    )
    network_weights: Input = Field(description="LoRA, one .safetensors file, to start from; an empty folder = none")
    caches: Annotated[Path, _checked(cache_problem)] = Field(
        default=Path("state/caches"),
        description="in state/: where sd-scripts' libraries cache (HF_HOME, TORCH_HOME, Triton)",
    )

    @model_validator(mode="after")
    def apart(self) -> Self:
        """No input is another, the project, or what stages write, whatever links lead where."""
        inputs = {name: getattr(self, name) for name in type(self).model_fields if name != "caches"}
        if found := dict(overlap_problems(inputs, self.caches)):
            details = [
                InitErrorDetails(type=PydanticCustomError(PLACE, "{problem}", {"problem": what}), loc=(name,), input="")
                for name, what in found.items()
            ]
            raise ValidationError.from_exception_data("Paths", details)
        return self

    dataset: ClassVar = Path("outputs/dataset")
    """What `package` writes."""
    checkpoints: ClassVar = Path("outputs/checkpoints")
    """What `train` writes."""
    samples: ClassVar = Path("outputs/samples")
    """What `sample` writes."""
    selected: ClassVar = Path("outputs/selected")
    """What `select` writes."""
    finished: ClassVar = Path("outputs/finished")
    """What `finish` writes."""
    reports: ClassVar = Path("reports")
    """Small results that are kept in Git."""
    code: ClassVar = Path("reports/code")
    """A hash of each stage's code."""
    state: ClassVar = Path("state")
    """What an interrupted `train` resumes from, in a folder named by its fingerprint; no stage's output."""
    logs: ClassVar = Path("logs")
    """Clocks, devices, the libraries' own output; never hashed."""


FORMER_PATHS = ("dataset", "checkpoints", "samples", "selected", "finished", "reports", "state", "logs")
"""Keys of `paths` that params.yaml had until results got fixed places."""


S = TypeVar("S", bound=Section)


def load(section: type[S], file: Path = FILE) -> S:
    """Read one section.

    Raises SpriteLoraError, with the line, for a missing section, an unknown key or a value that is not allowed.
    """
    content, lines = read(file)
    if section.key not in content:
        raise SpriteLoraError(
            f"{file}: section `{section.key}` is missing",
            f"uv run sprite-lora convert {file}, or take it from the project's own: git show HEAD:{FILE}",
        )
    model, problems = checked_section(section, content[section.key])
    if model is None:
        listed = "\n".join(f"{file}:{lines.get(where, lines[(section.key,)])}: {what}" for where, what in problems)
        if any(message.endswith("is missing") for _, message in problems):
            raise SpriteLoraError(listed, f"keys that came later: uv run sprite-lora convert {file}")
        raise SpriteLoraError(listed, f"the comment behind each key of {FILE} says what it takes")
    return model


Problems = list[tuple[tuple[str, ...], str]]
"""Key path and message of each."""


def section_problems(section: type[Section], content: Any) -> Problems:
    """Everything wrong with one section's content; empty when all is well."""
    return checked_section(section, content)[1]


def checked_section(section: type[S], content: Any) -> tuple[S | None, Problems]:
    """One section of a file's content, None where anything in it is wrong; and what is."""
    try:
        return section.model_validate(content if content is not None else {}), []
    except ValidationError as error:
        found: Problems = []
        for detail in error.errors():
            where, message = _explain(section, detail)
            if not (_of_a_branch(detail) and where in dict(found)):  # one message, not one for each kind of value
                found.append((where, message))
        return None, found


BRANCH = re.compile(r"constrained-|tuple\[|list\[")
"""How pydantic names the branch of a union, as if it were a key."""


def _of_a_branch(detail: Any) -> bool:
    return any(BRANCH.match(str(part)) for part in detail["loc"])


def _explain(section: type[Section], detail: Any) -> tuple[tuple[str, ...], str]:
    where = (section.key, *(str(part) for part in detail["loc"] if not BRANCH.match(str(part))))
    dotted = _shown(".".join(where), str)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where[-1], section.model_fields, n=1)
        return where, f"unknown key `{dotted}`" + (f"; did you mean `{near[0]}`?" if near else "")
    if detail["type"] == "missing":
        return where[:-1], f"key `{dotted}` is missing"
    if detail["type"] == PLACE:
        return where, f"`{dotted}` {detail['msg']}"
    if isinstance(detail["input"], dict):  # a whole section, which nobody wants to read and which may hold a secret
        return where, f"`{dotted}`: {detail['msg'].removeprefix('Value error, ')}"
    told = detail["msg"].removeprefix("Value error, ").replace("valid tuple", "valid list")
    message = told[0].lower() + told[1:]
    return where, f"`{dotted}` is {_shown(detail['input'], repr)}: {message}"


def _shown(value: Any, words: Callable[[Any], str]) -> str:
    """In words that a terminal can show, cut where they are long."""
    text = words(value)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def read(file: Path = FILE) -> tuple[dict[str, Any], Lines]:
    """The file's content and the line (from 1) of each key path. Raises SpriteLoraError where it is not YAML."""
    if not file.is_file():
        raise SpriteLoraError(f"{file} does not exist", f"run from the project's folder, or {BRING_BACK}")
    try:
        with file.open("rb") as opened:
            content, lines = parse_with_lines(opened.read(LONGEST + 1))
    except (YAMLError, OSError) as error:
        raise SpriteLoraError(f"{file} is not valid YAML: {error}", BRING_BACK) from None
    if not isinstance(content, dict):
        raise SpriteLoraError(f"{file} holds no sections", BRING_BACK)
    refuse_former(file, content)
    return content, lines


def refuse_former(file: Path, content: dict[str, Any]) -> None:
    """Raise SpriteLoraError, with the command that converts it, for a file of an earlier form."""
    paths = content.get("paths")
    former = [key for key in FORMER_PATHS if isinstance(paths, dict) and key in paths]
    if former:
        raise SpriteLoraError(
            f"{file} has an earlier form: {', '.join(f'paths.{key}' for key in former)} are no params any more; "
            "results lie in outputs/, reports/, state/ and logs/",
            f"uv run sprite-lora convert {file}",
        )
