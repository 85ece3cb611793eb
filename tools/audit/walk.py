"""Folders of checkpoints, pictures and captions, walked once; model files by their headers, pictures by their texts."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from PIL import Image

from sprite_lora.core import git
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, sha256_set, sha256_text
from sprite_lora.core.header import HeaderError
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.dataset.caption import first_line, tags
from sprite_lora.results.picture import PARAMETERS, parse_web_ui
from tools.audit.content import read_content, tags_digest
from tools.audit.evidence import CaptionVersion, Checkpoint, Drawn, Evidence, PictureSet
from tools.audit.sizes import exact

CHECKPOINTS = (".safetensors",)
PICKLES = (".ckpt", ".pt", ".pth")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
SKIPPED = frozenset((".git", ".dvc", ".venv", "node_modules", "__pycache__", ".snakemake"))
LARGEST_CAPTION = 2**16
"""Bytes; longer .txt files are no captions."""

HISTORY = 50
"""Versions of one caption folder that are looked at, newest first."""


def walk(paths: Iterable[Path]) -> Evidence:
    """Everything below the paths. What cannot be read becomes a problem in the evidence, never an error.

    Raises SpriteLoraError for a path that does not exist.
    """
    evidence = Evidence()
    for path in paths:
        if not path.exists():
            raise SpriteLoraError(f"{path} does not exist")
        folder = path if path.is_dir() else path.parent
        history = _History(folder)
        name = Path(folder.resolve().name)
        for here, names in _folders(path, evidence.problems):
            _take_folder(here, (name / here.relative_to(folder)).as_posix(), names, history, evidence)
    return evidence


def _folders(path: Path, problems: dict[str, str]) -> Iterator[tuple[Path, list[str]]]:
    """Each folder with the names of its files; links to folders are not followed."""
    if not path.is_dir():
        yield path.parent, [path.name]
        return
    waiting = [path]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            problems[here.as_posix()] = f"cannot be read: {error.strerror}"
            continue
        folders = {entry.name for entry in inside if _is_folder(entry)}
        yield here, [entry.name for entry in inside if entry.name not in folders and not entry.name.startswith(".")]
        waiting += [
            here / entry.name
            for entry in reversed(inside)
            if entry.name in folders - SKIPPED and not entry.is_symlink()
        ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link in a circle is neither."""
    with suppress(OSError):
        return entry.is_dir()
    return False


class _History:
    """Git's dates for the files below a folder; none where it lies in no repository."""

    def __init__(self, folder: Path) -> None:
        root = git.root(folder)
        self.folder = folder
        self.below = folder.resolve().relative_to(root) if root else None
        """Where the folder lies in its repository."""
        self.changes = git.history(folder) if root else {}

    def key(self, path: Path) -> str | None:
        return (self.below / path.relative_to(self.folder)).as_posix() if self.below is not None else None

    def since(self, path: Path) -> datetime | None:
        """When the file was last committed: it has been as it is since then, if it has no newer change."""
        commits = self.changes.get(self.key(path) or "")
        return commits[0].date if commits else None

    def versions(self, folder: Path, names: Iterable[str]) -> list[git.Commit]:
        """Commits that changed any of the files, newest first."""
        found = {commit for name in names for commit in self.changes.get(self.key(folder / name) or "", ())}
        return sorted(found, key=lambda commit: commit.date, reverse=True)


def _take_folder(here: Path, name_here: str, names: list[str], history: _History, evidence: Evidence) -> None:
    for name in names:
        if name.lower().endswith((*CHECKPOINTS, *PICKLES)):
            evidence.checkpoints.append(_checkpoint(here / name, history))
    texts = _files(here, names, (".txt",), evidence.problems)
    pictures = _files(here, names, PICTURES, evidence.problems)
    if _are_captions(names, texts, pictures):
        try:
            evidence.captions.extend(_caption_versions(here, list(texts), history))
        except SpriteLoraError as error:
            evidence.problems[here.as_posix()] = str(error.args[0])
        captioned = {name.rsplit(".", 1)[0] for name in texts}
        pictures = {name: size for name, size in pictures.items() if name.rsplit(".", 1)[0] not in captioned}
    if pictures:
        evidence.pictures.append(_picture_set(here, name_here, list(pictures), history))


def _files(here: Path, names: list[str], endings: tuple[str, ...], problems: dict[str, str]) -> dict[str, int]:
    """Name to size of the regular files with these endings."""
    found = {}
    for name in names:
        if name.lower().endswith(endings):
            try:
                stat = (here / name).stat()
            except OSError as error:
                problems[(here / name).as_posix()] = f"cannot be read: {error.strerror}"
                continue
            if S_ISREG(stat.st_mode):
                found[name] = stat.st_size
            else:
                problems[(here / name).as_posix()] = "is a pipe, socket or device"
    return found


def _checkpoint(path: Path, history: _History) -> Checkpoint:
    content, problem, size = None, None, 0
    try:
        content = read_content(path)
    except HeaderError as error:
        problem = str(error.args[0]).removeprefix(f"{path}: ")
    with suppress(OSError):
        size = path.stat().st_size
    return Checkpoint(path.as_posix(), exact(size), _modified(path), content, problem, history.since(path))


def _modified(path: Path) -> datetime | None:
    with suppress(OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None, microsecond=0)
    return None


def _are_captions(names: list[str], texts: dict[str, int], pictures: dict[str, int]) -> bool:
    """Two or more short texts that stand beside pictures of their names, or with nothing but texts and pictures."""
    if len(texts) < 2 or max(texts.values()) > LARGEST_CAPTION:
        return False
    stems = {name.rsplit(".", 1)[0] for name in pictures}
    paired = sum(name.rsplit(".", 1)[0] in stems for name in texts)
    return paired >= len(texts) / 2 or len(texts) + len(pictures) == len(names)


def _caption_versions(here: Path, names: list[str], history: _History) -> Iterator[CaptionVersion]:
    """The folder as it is, and as Git has held it."""
    texts = {
        name.rsplit(".", 1)[0]: read_bounded(here / name, LARGEST_CAPTION).decode("utf-8", "replace") for name in names
    }
    newest = max((time for name in names if (time := _modified(here / name))), default=None)
    now = _version(here.as_posix(), texts, newest, None)
    commits = history.versions(here, names)
    held = []
    for commit in commits[:HISTORY]:
        files = git.read_folder(here, commit.commit, ".", ".txt")
        if files is not None:
            before = {Path(name).stem: content.decode("utf-8", "replace") for name, content in files.items()}
            held.append(_version(here.as_posix(), before, commit.date, commit.commit))
    if not held or held[0].captions != now.captions:
        yield now
    yield from held


def _version(path: str, texts: dict[str, str], modified: datetime | None, commit: str | None) -> CaptionVersion:
    captions = {stem: first_line(text) for stem, text in texts.items()}
    frequency = Counter(tag for caption in captions.values() for tag in tags(caption))
    return CaptionVersion(
        path=path,
        count=len(captions),
        modified=modified,
        commit=commit,
        captions=sha256_set({stem: sha256_text(caption) for stem, caption in captions.items()}),
        tags=tags_digest(frequency),
    )


def _picture_set(here: Path, name_here: str, names: list[str], history: _History) -> PictureSet:
    times = [time for name in names if (time := _modified(here / name))]
    commits = [time for name in names if (time := history.since(here / name))]
    drawn: Counter[tuple[str | None, str | None]] = Counter()
    for name in names:
        for source in _sources(here / name):
            drawn[source] += 1
    return PictureSet(
        path=here.as_posix(),
        name=name_here,
        count=len(names),
        modified=min(times, default=None),
        drawn=tuple(Drawn(checkpoint, lora, count) for (checkpoint, lora), count in drawn.items()),
        committed=min(commits, default=None),
    )


def _sources(path: Path) -> list[tuple[str | None, str | None]]:
    """(checkpoint hash, LoRA name) of everything that drew a picture, by the texts ahead of its pixels."""
    if path.suffix.lower() != ".png":
        return []
    try:
        with Image.open(path, formats=["PNG"]) as image:
            texts = {key: value for key, value in image.info.items() if isinstance(value, str)}
    except Exception:  # whatever Pillow raises: a picture that cannot be read says nothing of what drew it
        return []
    if METADATA_KEY in texts:
        with suppress(ValueError, RecursionError):
            record = json.loads(texts[METADATA_KEY])
            if isinstance(record, dict) and isinstance(record.get("checkpoint"), str):
                return [(record["checkpoint"], None)]
            return [("base", None)] if isinstance(record, dict) else []
    if PARAMETERS in texts:
        return [(digest, name) for name, digest in parse_web_ui(texts[PARAMETERS]).lora_hashes.items()]
    return []
