"""Folders of checkpoints, pictures and captions, walked once; model files by their headers, pictures by their texts."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from sprite_lora.core import git
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256_set, sha256_text
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
    """Everything below the paths. Files that cannot be read become evidence with a problem, never an error."""
    evidence = Evidence()
    for path in paths:
        if not path.exists():
            raise SpriteLoraError(f"{path} does not exist")
        folder = path if path.is_dir() else path.parent
        history = _History(folder)
        above = folder.resolve().parent
        for here, names in _folders(path):
            _take_folder(here, here.resolve().relative_to(above).as_posix(), names, history, evidence)
    return evidence


def _folders(path: Path) -> Iterator[tuple[Path, list[str]]]:
    if path.is_file():
        yield path.parent, [path.name]
        return
    for here, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        yield Path(here), sorted(name for name in names if not name.startswith("."))


class _History:
    """Git's dates for the files below a folder; none where it lies in no repository."""

    def __init__(self, folder: Path) -> None:
        self.root = git.root(folder)
        self.changes = git.history(folder) if self.root else {}

    def key(self, path: Path) -> str | None:
        return path.resolve().relative_to(self.root).as_posix() if self.root else None

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
    texts = [name for name in names if name.lower().endswith(".txt")]
    pictures = [name for name in names if name.lower().endswith(PICTURES)]
    if _are_captions(here, names, texts, pictures):
        evidence.captions.extend(_caption_versions(here, texts, history))
        captioned = {name.rsplit(".", 1)[0] for name in texts}
        pictures = [name for name in pictures if name.rsplit(".", 1)[0] not in captioned]
    if pictures:
        evidence.pictures.append(_picture_set(here, name_here, pictures, history))


def _checkpoint(path: Path, history: _History) -> Checkpoint:
    content, problem = None, None
    try:
        content = read_content(path)
    except HeaderError as error:
        problem = str(error.args[0]).removeprefix(f"{path}: ")
    size = path.stat().st_size if path.exists() else 0
    return Checkpoint(path.as_posix(), exact(size), _modified(path), content, problem, history.since(path))


def _modified(path: Path) -> datetime | None:
    with suppress(OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None, microsecond=0)
    return None


def _are_captions(here: Path, names: list[str], texts: list[str], pictures: list[str]) -> bool:
    """Two or more short texts that stand beside pictures of their names, or with nothing but texts and pictures."""
    if len(texts) < 2 or any((here / name).stat().st_size > LARGEST_CAPTION for name in texts):
        return False
    stems = {name.rsplit(".", 1)[0] for name in pictures}
    paired = sum(name.rsplit(".", 1)[0] in stems for name in texts)
    return paired >= len(texts) / 2 or len(texts) + len(pictures) == len(names)


def _caption_versions(here: Path, names: list[str], history: _History) -> Iterator[CaptionVersion]:
    """The folder as it is, and as Git has held it."""
    texts = {name.rsplit(".", 1)[0]: (here / name).read_text(encoding="utf-8", errors="replace") for name in names}
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
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
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
