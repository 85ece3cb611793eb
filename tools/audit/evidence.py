"""What is left of trainings: checkpoints, pictures and captions, each with what its name, date and content say."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from sprite_lora.bases.registry import families as known_families
from tools.audit.sizes import Size

FAMILY_WORDS = {word: family.name for family in known_families() for word in family.file_words}
"""Words of file names that name a base family; points and signs between digits are dropped first: sd1.5 is sd15."""

IDLE_WORDS = frozenset((
    "", "test", "tests", "testing", "output", "outputs", "sample", "samples", "image", "images", "picture", "pictures",
    "result", "results", "epoch", "epochs", "final", "last", "complete", "upscaled", "lora", "loras", "model", "models",
    "checkpoint", "checkpoints", "step", "steps", "e", "ep",
))  # fmt: skip
"""Words of file names that say nothing about which run they belong to, less a number at their end."""

_EPOCH = re.compile(r"(?:^|[^a-z])(?:epoch|ep|e)s?[-_ ]?(\d{1,6})(?!\d)", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?P<stem>.+)-(?P<epoch>\d{6})$")
_STEPPED = re.compile(r"^(?P<stem>.+)-step(?P<step>\d{8})$")
_RANK = re.compile(r"(?:^|[^a-z])(?:dim|rank|r)[-_ ]?(\d{1,3})(?!\d)", re.IGNORECASE)
_PRECISION = re.compile(r"(?:^|[^a-z])(fp16|bf16|fp32)(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """What a checkpoint's header says, as far as telling runs apart needs it."""

    family: str
    ranks: tuple[int | None, ...]
    precision: str
    layout: str
    """Digest of its tensors' names, types and shapes: equal for the epochs of one run."""
    training: str | None
    """Digest of all metadata that is the same for the epochs of one run; None where the file has no such metadata."""
    settings: str | None
    """Digest of the settings alone, without session and clocks."""
    session: str | None
    fingerprint: str | None
    """Of our record."""
    captions: str | None
    """Hash of the captions, from our record."""
    tags: str | None
    """Digest of how often each tag was trained (`ss_tag_frequency`)."""
    folders: tuple[str, ...]
    """Dataset folders that it says it was trained from."""
    epoch: int | None
    epochs: int | None
    """How many the run was to have."""
    output_name: str | None
    model_hash: str | None
    started: datetime | None
    """When the training began, by its own clock."""


@dataclass(frozen=True)
class Checkpoint:
    """One LoRA file."""

    path: str
    size: Size
    modified: datetime | None
    content: Content | None = None
    problem: str | None = None
    """Why its content could not be read."""
    committed: datetime | None = None
    """When Git first held it as it is now."""

    @property
    def stem(self) -> str:
        """The run's name as the file's name gives it, without number and ending."""
        name = PurePosixPath(self.path).stem
        match = _NUMBERED.match(name) or _STEPPED.match(name)
        return match["stem"] if match else name

    @property
    def epoch(self) -> int | None:
        """By the content, else by the name; None for a file without a number: a run's last, by kohya's rule."""
        if self.content is not None and self.content.epoch is not None:
            return self.content.epoch
        return self.named_epoch

    @property
    def named_epoch(self) -> int | None:
        match = _NUMBERED.match(PurePosixPath(self.path).stem)
        return int(match["epoch"]) if match else None

    @property
    def there_since(self) -> datetime | None:
        """The earliest moment at which the file is known to have been there."""
        return min((time for time in (self.modified, self.committed) if time), default=None)


@dataclass(frozen=True)
class Drawn:
    """What the pictures of a folder say drew them."""

    checkpoint: str | None
    """`sshs_model_hash`, or its first 12 digits from a web UI."""
    lora: str | None
    """The LoRA's name, from a web UI."""
    count: int


@dataclass(frozen=True)
class PictureSet:
    """The pictures of one folder."""

    path: str
    name: str
    """The path from the folder that was asked about, its own name first: what may say which run it is of."""
    count: int | None
    modified: datetime | None
    """Date of its oldest picture: they were all drawn by the newest, and one was drawn by then."""
    drawn: tuple[Drawn, ...] = ()
    committed: datetime | None = None

    @property
    def there_since(self) -> datetime | None:
        return min((time for time in (self.modified, self.committed) if time), default=None)

    @property
    def epoch(self) -> int | None:
        """By the folder's name."""
        found = _EPOCH.findall(self.name)
        return int(found[-1]) if found else None


@dataclass(frozen=True)
class CaptionVersion:
    """One state of a caption folder."""

    path: str
    count: int | None
    modified: datetime | None
    """Date of its newest file."""
    commit: str | None = None
    captions: str | None = None
    """Hash as the package's manifest has it."""
    tags: str | None = None
    """Digest of how often each tag stands in it, as kohya counts."""


@dataclass
class Evidence:
    """Everything found."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    pictures: list[PictureSet] = field(default_factory=list)
    captions: list[CaptionVersion] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    """Folders and files that could not be looked at, and why; checkpoints say it themselves."""

    def add(self, other: "Evidence") -> None:
        self.checkpoints.extend(other.checkpoints)
        self.pictures.extend(other.pictures)
        self.captions.extend(other.captions)


def words(name: str) -> frozenset[str]:
    """The words of a name that may tell runs apart; family words and numbers left out."""
    return frozenset(
        word for word in _all_words(name) if word.rstrip("0123456789") not in IDLE_WORDS and word not in FAMILY_WORDS
    )


def families(name: str) -> frozenset[str]:
    """The base families that a name claims."""
    return frozenset(FAMILY_WORDS[word] for word in _all_words(name) if word in FAMILY_WORDS)


def claims(name: str) -> dict[str, str]:
    """What else a file's name claims: rank, precision."""
    found = {}
    if match := _RANK.search(name):
        found["rank"] = match[1]
    if match := _PRECISION.search(name):
        found["precision"] = match[1].lower()
    return found


def _all_words(name: str) -> Iterable[str]:
    plain = re.sub(r"(?<=\d)\.(?=\d)", "", name)
    plain = re.sub(r"(?i)\bsd[-_ ](?=\d|xl)", "sd", plain)
    plain = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", plain)
    return re.findall(r"[a-z0-9]+", plain.lower())
