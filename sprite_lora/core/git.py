"""Reads a Git repository; the only module that runs `git`.

Nothing that the repository's own configuration names is run: no pager, hook, file monitor, signature check or, but in
`clone`, transport, and objects that a partial clone left out are not fetched. The user's global configuration counts,
since `safe.directory` stands there. Only `is_clean`, `held` and `difference`, which compare files on disk, run content
filters (Git LFS is one): call them on the project that is running, not on a stranger's.

Paths are relative to the folder that is asked about. Where there is no Git, no repository or no such revision, each
function answers None or nothing and raises no error.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RUNS_NOTHING = (
    "--no-pager", "--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false",
)  # fmt: skip

NO_TRANSPORT = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
"""Environment: `none` is no protocol, and what this variable allows no configuration can widen."""


@dataclass(frozen=True)
class Commit:
    """One commit, by its hash and its committer's date in UTC."""

    commit: str
    date: datetime


def installed() -> bool:
    """Whether there is a `git` to run."""
    return shutil.which("git") is not None


def root(folder: Path) -> Path | None:
    """The root of the work tree that a folder lies in; None where it lies in none that may be read."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    return None if top is None else Path(_text(top).removesuffix("\n"))


def resolve(folder: Path, revision: str) -> str | None:
    """The hash of the commit that a revision names."""
    found = None if revision.startswith("-") else _git(folder, "rev-parse", "-q", "--verify", f"{revision}^{{commit}}")
    return None if found is None else _text(found).strip()


def experiment(folder: Path, name: str) -> str | None:
    """The commit of a DVC experiment, which DVC keeps as a ref below refs/exps."""
    refs = _text(_git(folder, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or b"")
    named = [line.split(" ", 1)[0] for line in refs.splitlines() if line.rsplit("/", 1)[-1] == name]
    return named[-1] if named else None


def read(folder: Path, revision: str, path: str) -> bytes | None:
    """A file's content at a revision."""
    return None if revision.startswith("-") else _git(folder, "cat-file", "blob", f"{revision}:./{path}")


def names(folder: Path, revision: str, below: str) -> list[str]:
    """Paths of all files below a folder at a revision."""
    return [path for path, _ in _files(folder, revision, "-r", f"{below}/")]


def read_folder(folder: Path, revision: str, path: str, suffix: str) -> dict[str, bytes] | None:
    """Name to content of the files that lie directly in a folder at a revision and end in `suffix`.

    None where a partial clone does not hold all of them.
    """
    files = [(name, blob) for name, blob in _files(folder, revision, f"{path}/") if name.endswith(suffix)]
    contents = list(_blobs(folder, [blob for _, blob in files]))
    if len(contents) < len(files):
        return None
    return {Path(name).name: content for (name, _), content in zip(files, contents, strict=True)}


def history(folder: Path) -> dict[str, list[Commit]]:
    """Each file below a folder, by its path from the work tree's root, to the commits that changed it, newest first."""
    form = ("--format=%x01%H %cI", "--name-only", "--no-renames", "--no-relative", "-m", "-z")
    log = _git(folder, "log", *form, "--", ".")
    found: dict[str, list[Commit]] = {}
    commit: Commit | None = None
    for field in _text(log or b"").split("\0"):
        for line in field.split("\n"):
            if line.startswith("\x01"):
                digest, date = line[1:].split(" ", 1)
                commit = Commit(digest, datetime.fromisoformat(date).astimezone(UTC).replace(tzinfo=None))
            elif line and commit is not None and (not found.get(line) or found[line][-1] != commit):
                found.setdefault(line, []).append(commit)
    return found


def is_clean(folder: Path, but: Sequence[str] = ()) -> bool | None:
    """Whether all files below a folder, except those in `but`, are committed as they are."""
    excepted = (f":(exclude,literal){path}" for path in but)
    changed = _git(folder, "--no-literal-pathspecs", "status", "--porcelain", "--", ".", *excepted)
    return None if changed is None else not changed.strip()


def difference(folder: Path) -> bytes | None:
    """The diff of a work tree against its last commit, empty where nothing differs; None where Git cannot say."""
    return _git(folder, "diff", "--no-ext-diff", "--no-textconv", "--binary", "--no-color", "HEAD")


def unknown(folder: Path) -> list[str]:
    """Paths below a folder that Git neither holds nor ignores, sorted; a link counts as itself."""
    listed = _git(folder, "ls-files", "-z", "--others", "--exclude-standard")
    return sorted(filter(None, _text(listed or b"").split("\0")))


def clone(source: str, revision: str, folder: Path) -> str:
    """Clone one tag or branch of a repository, without its history. Returns what git said on failure, else nothing.

    The only function that may use a transport; hooks stay off.
    """
    options = ("-c", "advice.detachedHead=false", "clone", "--quiet", "--depth", "1", "--branch", revision)
    command = ["git", *RUNS_NOTHING, *options]
    try:
        done = subprocess.run(
            [*command, "--", source, str(folder)], capture_output=True, check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
    except FileNotFoundError:
        return "git is not installed"
    return _text(done.stderr).strip() or "git failed" if done.returncode else ""


def held(folder: Path) -> set[str]:
    """Paths of the files below a folder that are on disk as the last commit has them."""
    changed = _git(folder, "diff", "-z", "--name-only", "--relative", "--no-ext-diff", "HEAD", "--", ".")
    return set() if changed is None else set(names(folder, "HEAD", ".")) - set(_text(changed).split("\0"))


def _files(folder: Path, revision: str, *arguments: str) -> Iterator[tuple[str, str]]:
    """(path, blob) of the files that `git ls-tree` lists."""
    *options, path = arguments
    if revision.startswith("-"):
        return
    listing = _text(_git(folder, "ls-tree", "-z", *options, revision, "--", path) or b"")
    for entry in filter(None, listing.split("\0")):
        about, name = entry.split("\t", 1)
        _, kind, digest = about.split()
        if kind == "blob":
            yield name, digest


def _blobs(folder: Path, digests: Sequence[str]) -> Iterator[bytes]:
    """Contents of blobs, in order; ends early at the first one that is not held."""
    output = _git(folder, "cat-file", "--batch", given="".join(f"{digest}\n" for digest in digests).encode()) or b""
    at = 0
    for _ in digests:
        end = output.find(b"\n", at)
        about = output[at:end].split()
        if end < 0 or len(about) != 3:
            return
        begin, size = end + 1, int(about[2])
        yield output[begin : begin + size]
        at = begin + size + 1


def _git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes | None:
    """What git prints; None where it fails, or is not installed."""
    command = ["git", "-C", str(folder), *RUNS_NOTHING, *arguments]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, check=False, env={**os.environ, **NO_TRANSPORT}
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    return done.stdout if done.returncode == 0 else None


def _text(output: bytes) -> str:
    return output.decode(errors="surrogateescape")
