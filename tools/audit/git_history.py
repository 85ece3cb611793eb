"""When Git first held each file as it is, and which versions a folder of captions went through."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Commit:
    """One commit, by its hash and its committer's date in UTC."""

    commit: str
    date: datetime


class Repository:
    """The Git repository that a folder lies in, read through `git`; nothing of its configuration is run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def around(cls, folder: Path) -> "Repository | None":
        """The repository of a folder, None where it lies in none that may be read."""
        try:
            top = _git(folder, "rev-parse", "--show-toplevel")
        except (subprocess.CalledProcessError, FileNotFoundError, NotADirectoryError):
            return None
        return cls(Path(top.decode().strip()))

    def changes(self, below: Path) -> dict[str, list[Commit]]:
        """Path from the repository's root to the commits that changed it, newest first, for files under `below`."""
        where = below.resolve().relative_to(self.root).as_posix()
        text = _git(
            self.root, "log", "--format=%x01%H %cI", "--name-only", "--no-renames", "-m", "-z", "--", where or "."
        )
        found: dict[str, list[Commit]] = {}
        commit: Commit | None = None
        for field in text.decode(errors="surrogateescape").split("\0"):
            for line in field.split("\n"):
                if line.startswith("\x01"):
                    digest, date = line[1:].split(" ", 1)
                    commit = Commit(digest, datetime.fromisoformat(date).astimezone(UTC).replace(tzinfo=None))
                elif line and commit is not None and (not found.get(line) or found[line][-1] != commit):
                    found.setdefault(line, []).append(commit)
        return found  # fmt: skip

    def texts(self, commit: str, folder: str) -> dict[str, str]:
        """Stem to text of the .txt files that lie directly in a folder at a commit."""
        listing = _git(self.root, "ls-tree", "-z", commit, "--", folder.rstrip("/") + "/").decode(
            errors="surrogateescape"
        )
        blobs = [(entry.split()[2], entry.split("\t", 1)[1]) for entry in listing.split("\0") if entry.endswith(".txt")]
        contents = _blobs(self.root, [blob for blob, _ in blobs])
        return {
            Path(path).stem: text.decode("utf-8", "replace") for (_, path), text in zip(blobs, contents, strict=True)
        }


def _git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    safe = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-pager", "--literal-pathspecs")
    return subprocess.run(
        ["git", "-C", str(folder), *safe, *arguments], input=given, capture_output=True, check=True
    ).stdout


def _blobs(root: Path, digests: Iterable[str]) -> Iterator[bytes]:
    """Contents of blobs, in order."""
    digests = list(digests)
    output = _git(root, "cat-file", "--batch", given="".join(f"{digest}\n" for digest in digests).encode())
    at = 0
    for _ in digests:
        end = output.index(b"\n", at)
        size = int(output[at:end].split()[2])
        yield output[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
