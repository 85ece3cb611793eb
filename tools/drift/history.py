"""A run that is over, written down: `presets/history/*.yaml`. Read by `drift` alone; unknown values are marked unknown.

What a command line or a table does not say is not what it denies: `settings.unlisted` tells how to read an absent flag.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml.error import YAMLError

from sprite_lora.bases.registry import REGISTRY, ignored_settings
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded
from sprite_lora.core.yaml_text import parse
from sprite_lora.kohya.effective import SETTINGS, resolve
from sprite_lora.results.run_facts import SAMPLING, Base, Captions, Prompts, RunFacts

if TYPE_CHECKING:
    FamilyName = str
else:
    FamilyName = Literal[tuple(REGISTRY)]


LARGEST = 2**20
"""Bytes of a file that is read whole: params, history, a caption."""


class Part(BaseModel):
    """A part of a history file. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HistoryBase(Part):
    name: str | None = Field(description="as the command gave it; null = not known")
    family: FamilyName = Field(description="kohya's word")


class UnknownSetting(Part):
    why: str = Field(description="why it is not known")
    one_of: tuple[Any, ...] = Field(default=(), description="what it may have been, where evidence leaves a choice")


class HistorySettings(Part):
    unlisted: Literal["default", "unknown"] = Field(
        description="a flag that is not listed: `default` after a whole command line, `unknown` after anything less"
    )
    given: dict[str, Any] = Field(description="kohya's flags as they were given; num_repeats too")
    not_given: tuple[str, ...] = Field(default=(), description="flags that are known not to have been given")
    unknown: dict[str, UnknownSetting] = Field(default={}, description="flags whose value is not known, and why")

    @model_validator(mode="after")
    def known_names(self) -> "HistorySettings":
        named = [*self.given, *self.not_given, *self.unknown]
        for name in named:
            if name not in SETTINGS:
                raise ValueError(f"`{name}` is no setting that drift compares")
            if named.count(name) > 1:
                raise ValueError(f"`{name}` stands in more than one of given, not_given, unknown")
        return self


class HistoryCaptions(Part):
    version: str | None = Field(description="name of the version, by its commit's date; null = not known")
    certainty: Literal["record", "likely", "unknown"]
    why: str = Field(description="what it is known by")
    sha256: str | None = Field(default=None, description="hash of the set, as the dataset's manifest has it")


class HistoryPrompts(Part):
    certainty: Literal["record", "likely", "filed", "unknown"] = Field(
        description="`filed`: of the pictures that were filed under the run, whoever drew them"
    )
    why: str
    texts: tuple[str, ...] | None = Field(description="null = not known")
    sampling: dict[str, Any] = Field(default={}, description="seed, steps, guidance_scale, scheduler, size ...")

    @model_validator(mode="after")
    def known_names(self) -> "HistoryPrompts":
        for name in self.sampling:
            if name not in SAMPLING:
                raise ValueError(f"`sampling.{name}` is not one of {', '.join(SAMPLING)}")
        return self


class HistoryFiles(Part):
    """What was left of it, as the listing has it."""

    size: str
    first: str
    last: str


class History(Part):
    """One run of the past, or one that was only planned."""

    run: str
    status: Literal["trained", "planned"]
    about: str
    trainer: Literal["kohya"]
    trainer_version: str | None = Field(description="commit or tag of sd-scripts; null = not known")
    base: HistoryBase
    settings: HistorySettings
    captions: HistoryCaptions
    prompts: HistoryPrompts
    files: HistoryFiles | None = Field(description="null = none are left")


def is_history(content: Any) -> bool:
    """Whether a YAML file's content is meant to be one."""
    return isinstance(content, Mapping) and "run" in content and "settings" in content


def read_history(path: Path, content: Any) -> History:
    """The checked content. Raises SpriteLoraError that lists everything wrong with it."""
    try:
        return History.model_validate(content)
    except ValidationError as error:
        listed = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SpriteLoraError(f"{path}: {listed}", "the fields are described in tools/drift/history.py") from None


def facts(history: History, path: Path, captions: Path | None) -> RunFacts:
    """The run as drift compares it. `captions`: a folder that holds caption versions by name, where there is one."""
    settings = history.settings
    given = {**settings.given, **dict.fromkeys(settings.not_given)}
    unknown = {name: _why(one) for name, one in settings.unknown.items()}
    texts = history.prompts.texts
    trainer = "kohya" + (f" {history.trainer_version}" if history.trainer_version else "")
    return RunFacts(
        name=history.run,
        source=f"{path}: {'a plan' if history.status == 'planned' else 'what is known of a run'}",
        settings=resolve(
            given, unknown=unknown, unlisted=settings.unlisted, ignored=ignored_settings(history.base.family)
        ),
        base=Base(name=history.base.name, family=history.base.family),
        captions=_captions(history.captions, captions),
        prompts=Prompts(
            texts=None if texts is None else {f"prompt {number}": text for number, text in enumerate(texts, 1)},
            sampling=history.prompts.sampling,
            certainty=history.prompts.certainty,
            note="" if history.prompts.certainty == "record" else history.prompts.why,
        ),
        software={"trainer": trainer},
    )


def _why(one: UnknownSetting) -> str:
    return f"perhaps {' or '.join(map(str, one.one_of))}; {one.why}" if one.one_of else one.why


def _captions(found: HistoryCaptions, folder: Path | None) -> Captions:
    texts = None
    if found.version is not None and folder is not None:
        here = folder / found.version
        if not here.is_dir():
            raise SpriteLoraError(f"{here} does not exist", f"--captions names a folder that holds {found.version}/")
        texts = {stem: content.decode("utf-8", "replace") for stem, content in caption_files(here).items()}
    return Captions(
        texts=texts,
        sha256=found.sha256,
        version=found.version or "",
        certainty=found.certainty,
        note=found.why,
    )


def caption_files(folder: Path) -> dict[str, bytes]:
    """Stem to content of a folder's captions. Raises SpriteLoraError where one is no file, or too large."""
    return {file.stem: read_bounded(file, LARGEST) for file in sorted(folder.glob("*.txt"))}


def read_yaml(path: Path) -> Any:
    """A YAML file's content. Raises SpriteLoraError where it is none."""
    try:
        return parse(read_bounded(path, LARGEST).decode())
    except (UnicodeDecodeError, YAMLError, ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise SpriteLoraError(f"{path} cannot be read as YAML: {reason}") from None
