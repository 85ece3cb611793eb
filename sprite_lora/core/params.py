"""params.yaml, read into frozen, typed sections.

A section is a class in a module `*_params.py`, in the package that it is about. A stage that needs a value reads just
that section, `load(Train)`, so that no stage depends on code that it does not use.
"""

import difflib
import re
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sprite_lora.core.errors import SpriteLoraError

FILE = Path("params.yaml")

BRING_BACK = f"bring back the project's own: git checkout {FILE}"


class Section(BaseModel):
    """One section of params.yaml. Unknown keys are refused, values cannot change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: ClassVar[str]
    """The section's key in params.yaml: the stage's name."""


class Paths(Section):
    """Where everything lies, relative to the folder of params.yaml: inputs as params, results at fixed places.

    What the stages write is no param, so that no value can make them, or DVC, delete anything else. dvc.yaml names the
    same places; tests/pipeline/test_edges.py holds the two to each other.
    """

    key = "paths"

    data: Path = Field(description="folder of sprites, flat, *.png")
    captions: Path = Field(description="folder of captions, flat, *.txt, one per sprite, same stem")
    regularisation: Path = Field(description="regularisation pictures in `<repeats>_<class>/`, or an empty folder")
    base: Path = Field(
        description="base model: a diffusers folder or one .safetensors file, local so that it is hashed"
    )
    vae: Path = Field(
        description="autoencoder in place of the base's: diffusers folder or .safetensors file; empty folder = own"
    )
    network_weights: Path = Field(description="LoRA, one .safetensors file, to start from; an empty folder = none")
    caches: Path = Field(
        default=Path("state/caches"),
        description="where sd-scripts' libraries cache (HF_HOME, TORCH_HOME, Triton), on a disk with room",
    )

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
    problems = section_problems(section, content[section.key])
    if problems:
        listed = "\n".join(f"{file}:{lines.get(where, lines[(section.key,)])}: {what}" for where, what in problems)
        if any(message.endswith("is missing") for _, message in problems):
            raise SpriteLoraError(listed, f"keys that came later: uv run sprite-lora convert {file}")
        raise SpriteLoraError(listed, f"the comment behind each key of {FILE} says what it takes")
    return section.model_validate(content[section.key])


def section_problems(section: type[Section], content: Any) -> list[tuple[tuple[str, ...], str]]:
    """Everything wrong with one section's content: (key path, message) pairs, empty when all is well."""
    try:
        section.model_validate(content if content is not None else {})
    except ValidationError as error:
        found: list[tuple[tuple[str, ...], str]] = []
        for detail in error.errors():
            where, message = _explain(section, detail)
            if not (_of_a_branch(detail) and where in dict(found)):  # one message, not one for each kind of value
                found.append((where, message))
        return found
    return []


BRANCH = re.compile(r"constrained-|tuple\[|list\[")
"""How pydantic names the branch of a union, as if it were a key."""


def _of_a_branch(detail: Any) -> bool:
    return any(BRANCH.match(str(part)) for part in detail["loc"])


def _explain(section: type[Section], detail: Any) -> tuple[tuple[str, ...], str]:
    where = (section.key, *(str(part) for part in detail["loc"] if not BRANCH.match(str(part))))
    dotted = ".".join(where)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where[-1], section.model_fields, n=1)
        return where, f"unknown key `{dotted}`" + (f"; did you mean `{near[0]}`?" if near else "")
    if detail["type"] == "missing":
        return where[:-1], f"key `{dotted}` is missing"
    if isinstance(detail["input"], dict):  # a whole section, which nobody wants to read and which may hold a secret
        return where, f"`{dotted}`: {detail['msg'].removeprefix('Value error, ')}"
    told = detail["msg"].removeprefix("Value error, ").replace("valid tuple", "valid list")
    message = told[0].lower() + told[1:]
    return where, f"`{dotted}` is {detail['input']!r}: {message}"


def parse(text: str | bytes) -> Any:
    """YAML 1.2, as DVC reads and writes it: `no` is a word, 1e-4 a number, and a key that stands twice an error.

    `dvc exp run -S` writes params.yaml anew without the quotes that YAML 1.1 needs. Raises ruamel.yaml's YAMLError.
    """
    return YAML(typ="safe", pure=True).load(text)


def read(file: Path = FILE) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """The file's content and the line (from 1) of each key path. Raises SpriteLoraError where it is not YAML."""
    try:
        text = file.read_text(encoding="utf-8")
        content = parse(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise SpriteLoraError(f"{file} does not exist", f"run from the project's folder, or {BRING_BACK}") from None
    except (YAMLError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpriteLoraError(f"{file} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise SpriteLoraError(f"{file} holds no sections", BRING_BACK)
    refuse_former(file, content)
    lines: dict[tuple[str, ...], int] = {}
    _mark_lines(root, (), lines)
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


def _mark_lines(node: yaml.Node | None, where: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*where, str(key.value))] = key.start_mark.line + 1
            _mark_lines(value, (*where, str(key.value)), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*where, str(index))] = value.start_mark.line + 1
            _mark_lines(value, (*where, str(index)), lines)
