"""Reads a Git repository; the only module that runs `git`.

A repository's configuration names programs: hooks, file monitors, filters, signature checks, transports. Git has no
switch to leave that configuration out, so, but in `clone`, it never opens the repository that is asked about. It gets a
folder of its own with links to the repository's objects and refs, and no configuration: not the repository's, not the
user's, none of the environment's. `.gitattributes` counts, but the drivers that it names are not defined.

Git's time, memory and output are bounded, and it is not run on a repository that holds pipes, devices or links to
folders among its files. Repositories with SHA-256 hashes or reftables, and bare ones, are not read.

Paths are relative to the folder that is asked about. Where there is no Git, no repository that can be read or no such
revision, each function answers None or nothing and raises no error.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Timer

LINKED = ("refs", "packed-refs", "logs", "shallow", "info/exclude")
"""What git may read of a repository beside its HEAD, index and objects: neither `config` nor `hooks`."""

SECONDS = 120
"""Longest that one command may take."""

MEMORY = 2 * 2**30
"""Bytes that git may allocate; on Linux alone. A few crafted trees can name billions of files."""

OUTPUT = 256 * 2**20
"""Bytes of output; a command that prints more has failed."""

POINTER = 4096
"""Bytes; files that name another file, such as HEAD, are shorter."""


@dataclass(frozen=True)
class Commit:
    """One commit, by its hash and its committer's date in UTC."""

    commit: str
    date: datetime


@dataclass(frozen=True)
class _Repository:
    """Where a repository's parts lie."""

    root: Path
    """The work tree."""
    own: Path
    """HEAD and index; for a further work tree another folder than the next."""
    common: Path
    """Objects and refs."""


def installed() -> bool:
    """Whether there is a `git` to run."""
    return shutil.which("git") is not None


def root(folder: Path) -> Path | None:
    """The root of the work tree that a folder lies in; None where it lies in none that can be read."""
    found = _find(folder)
    return None if found is None else found.root


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
    form = ("--format=%x01%H %cI", "--name-only", "--no-renames", "--no-relative", "--no-mailmap", "-m", "-z")
    log = _git(folder, "log", *form, "--", ".")
    found: dict[str, list[Commit]] = {}
    commit: Commit | None = None
    for field in _text(log or b"").split("\0"):
        for line in field.split("\n"):
            if line.startswith("\x01"):
                commit = _commit(line[1:])
            elif line and commit is not None and (not found.get(line) or found[line][-1] != commit):
                found.setdefault(line, []).append(commit)
    return found


def _commit(line: str) -> Commit | None:
    """`<hash> <date>`; None for a date beyond those that Python has."""
    digest, date = line.split(" ", 1)
    try:
        return Commit(digest, datetime.fromisoformat(date).astimezone(UTC).replace(tzinfo=None))
    except (ValueError, OverflowError):
        return None


def is_clean(folder: Path, but: Sequence[str] = ()) -> bool | None:
    """Whether all files below a folder, except those in `but`, are committed as they are."""
    excepted = (f":(exclude,literal){path}" for path in but)
    options = ("--porcelain", "--ignore-submodules=dirty")
    changed = _git(folder, "--no-literal-pathspecs", "status", *options, "--", ".", *excepted)
    return None if changed is None else not changed.strip()


def difference(folder: Path) -> bytes | None:
    """The diff of a work tree against its last commit, empty where nothing differs; None where Git cannot say."""
    return _git(folder, "diff", "--binary", "--no-color", "--ignore-submodules=dirty", "HEAD")


def unknown(folder: Path) -> list[str]:
    """Paths below a folder that Git neither holds nor ignores, sorted; a link counts as itself."""
    listed = _git(folder, "ls-files", "-z", "--others", "--exclude-standard")
    return sorted(filter(None, _text(listed or b"").split("\0")))


def clone(source: str, revision: str, folder: Path) -> str:
    """Clone one tag or branch of a repository, without its history. Returns what git said on failure, else nothing.

    The only function that may use a transport, and that the user's own configuration counts for; hooks stay off.
    """
    options = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
    command = ["git", *options, "clone", "--quiet", "--depth", "1", "--branch", revision, "--", source, str(folder)]
    try:
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603  git alone
    except FileNotFoundError:
        return "git is not installed"
    return _text(done.stderr).strip() or "git failed" if done.returncode else ""


def held(folder: Path) -> set[str]:
    """Paths of the files below a folder that are on disk as the last commit has them."""
    options = ("-z", "--name-only", "--relative", "--ignore-submodules=dirty")
    changed = _git(folder, "diff", *options, "HEAD", "--", ".")
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


def _find(folder: Path) -> _Repository | None:
    """The repository whose work tree a folder lies in."""
    try:
        above = folder.resolve()
        for here in (above, *above.parents):
            own = _pointed(here / ".git", b"gitdir:") if (here / ".git").is_file() else here / ".git"
            if own is not None and (own / "HEAD").is_file():
                common = _pointed(own / "commondir") if (own / "commondir").is_file() else own
                readable = common is not None and _holds_files_alone(own) and _holds_files_alone(common)
                return _Repository(here, own, common) if common is not None and readable else None
    except (OSError, RuntimeError, ValueError):  # no right to look, links in a circle, a NUL byte
        pass
    return None


def _pointed(file: Path, word: bytes = b"") -> Path | None:
    """The folder that a file names behind a word, relative to its own folder."""
    text = _start(file)
    if not text.startswith(word):
        return None
    return file.parent / os.fsdecode(text.removeprefix(word).strip())


def _start(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(POINTER)


@cache
def _holds_files_alone(folder: Path) -> bool:
    """Whether what git reads in a repository's folder are files: it would wait for a pipe for ever."""
    parts = [folder / name for name in ("HEAD", "index", "objects", *LINKED)]
    for part in parts:
        if part.exists() and not part.is_dir() and not part.is_file():
            return False
        for here, folders, files in os.walk(part):
            if any((Path(here) / name).is_symlink() for name in folders):
                return False
            if any((Path(here) / name).exists() and not (Path(here) / name).is_file() for name in files):
                return False
    return True


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """What git prints; None where it fails, takes or prints too much, or is not installed."""
    found = _find(folder)
    if found is None:
        return None
    with tempfile.TemporaryDirectory(prefix="sprite-lora-git-") as name:
        place = Path(name)
        asked = place / "asked"
        asked.write_bytes(given)
        (place / "info").mkdir()
        (place / "HEAD").write_bytes(_start(found.own / "HEAD"))
        for part in LINKED:
            (place / part).symlink_to(found.common / part)
        command = ["git", "-C", str(folder), "--no-pager", "--literal-pathspecs", *arguments]
        with asked.open("rb") as file:
            return _output(command, file.fileno(), _environment(found, name))


def _environment(found: _Repository, place: str) -> dict[str, str]:
    """The process's own, less what it says to git, with the folder that git gets as its repository and its home."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | {
        "HOME": place, "XDG_CONFIG_HOME": place, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1",
        "GIT_DIR": place, "GIT_WORK_TREE": str(found.root), "GIT_INDEX_FILE": str(found.own / "index"),
        "GIT_OBJECT_DIRECTORY": str(found.common / "objects"), "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0",
    }  # fmt: skip


def _output(command: list[str], given: int, environment: dict[str, str]) -> bytes | None:
    """What a command prints that is fed from the file descriptor `given`."""
    try:
        process = subprocess.Popen(  # noqa: S603  git alone
            command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    limit = Timer(SECONDS, process.kill)
    with process:
        assert process.stdout is not None
        if sys.platform == "linux":
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))
        limit.start()
        try:
            output = process.stdout.read(OUTPUT + 1)
        finally:
            limit.cancel()
        if len(output) > OUTPUT:
            process.kill()
    return output if process.returncode == 0 else None


def _text(output: bytes) -> str:
    return output.decode(errors="surrogateescape")
