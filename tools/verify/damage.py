"""What is not as dvc.lock says, and by which commands it comes back."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.core import git
from tools.verify.lock import LIST, Cache, Out, bytes_md5, file_md5, list_md5


@dataclass(frozen=True)
class Damage:
    """One file or folder that is not what it must be."""

    words: str
    remedy: tuple[str, ...]
    """Shell commands, for the project's folder."""


@dataclass(frozen=True)
class Wanted:
    """One file of an output, with its MD5."""

    out: Out
    path: Path
    md5: str


@dataclass(frozen=True)
class Survey:
    """What there is, hashed once."""

    cache: Cache
    broken: set[Path]
    """Copies in the cache that are not what their names say."""
    whole: dict[str, Path]
    """MD5 to a file of an output that has it."""

    def is_here(self, one: Wanted) -> bool:
        """Whether the file is what it must be."""
        return self.whole.get(one.md5) == one.path or (one.path.is_file() and file_md5(one.path) == one.md5)

    def is_kept(self, one: Wanted) -> bool:
        """Whether its copy is."""
        copy = self.cache.place(one.md5)
        return copy.is_file() and copy not in self.broken

    def is_lost(self, one: Wanted) -> bool:
        """Whether it is nowhere."""
        return one.md5 not in self.whole and not self.is_kept(one)


def damages(outs: list[Out], cache: Cache) -> Iterator[Damage]:
    """All that is damaged, in the order in which it must be brought back: a stage's inputs before the stage."""
    files = {out: _files(out, cache) for out in outs}
    wanted = {out: [Wanted(out, out.path / name, md5) for name, md5 in (files[out] or {}).items()] for out in outs}
    every = [one for several in wanted.values() for one in several]
    broken = {path for path in cache.objects() if not cache.is_whole(path)}
    whole = {one.md5: one.path for one in every if one.path.is_file() and file_md5(one.path) == one.md5}
    survey = Survey(cache, broken, whole)
    for out in outs:
        if files[out] is None:
            yield _of_unlisted(out, cache)
            continue
        if out.cached and out.md5.endswith(LIST) and cache.listed(out.md5) is None:
            path = cache.place(out.md5)
            words = f"{path}, the list of {out.path} in the cache, is damaged or gone"
            yield Damage(words, (f"rm -f {_quoted(path)}", f"dvc commit -f {out.stage}"))
        lost = any(survey.is_lost(one) for one in wanted[out])
        back = _again(out) if lost else f"dvc checkout {_quoted(out.path)}"
        for one in wanted[out]:
            yield from _of_file(one, survey, back)
    used = {cache.place(md5) for md5 in [*(one.md5 for one in every), *(out.md5 for out in outs)]}
    for path in sorted(broken - used):
        yield Damage(f"{path}, in the cache for an older run, is damaged", (f"rm -f {_quoted(path)}",))


def _files(out: Out, cache: Cache) -> dict[str, str] | None:
    """File, relative to the output, to its MD5; None where neither the cache nor the folder itself gives the list."""
    if not out.md5.endswith(LIST):
        return {"": out.md5}
    listed = cache.listed(out.md5) if out.cached else None
    if listed is not None:
        return listed
    there = {path.relative_to(out.path).as_posix(): file_md5(path) for path in out.path.rglob("*") if path.is_file()}
    return there if list_md5(there) == out.md5 else None


def _of_unlisted(out: Out, cache: Cache) -> Damage:
    """A folder of which no list says what it must hold."""
    if not out.cached:
        return Damage(f"{out.path} of {out.stage}: a file in it is damaged or gone", _from_git(out))
    path = cache.place(out.md5)
    words = f"{out.path} of {out.stage} is damaged or gone, and its list in the cache, {path}, too"
    return Damage(words, (f"rm -f {_quoted(path)}", _again(out)))


def _of_file(one: Wanted, survey: Survey, back: str) -> Iterator[Damage]:
    """A file, and its copy in the cache. `back`: the command that brings the output back when the copies are right."""
    here = survey.is_here(one)
    said = f"{one.path} of {one.out.stage} {'is damaged' if one.path.is_file() else 'is gone'}"
    if not one.out.cached:
        if not here:
            yield Damage(said, _from_git(one.out))
        return
    copy = survey.cache.place(one.md5)
    commands, lost = [], "is damaged" if copy.is_file() else "is gone"
    if not survey.is_kept(one):
        commands.append(f"rm -f {_quoted(copy)}")
        if one.md5 in survey.whole:
            commands.append(f"install -D -m 444 {_quoted(survey.whole[one.md5])} {_quoted(copy)}")
    if not here:
        commands += [f"rm -f {_quoted(one.path)}", back]
    if here and commands:
        yield Damage(f"{copy}, the copy of {one.path} in the cache, {lost}", tuple(commands))
    elif commands:
        yield Damage(said if survey.is_kept(one) else f"{said}, and its copy in the cache {lost}", tuple(commands))


def _again(out: Out) -> str:
    return f"dvc pull {_quoted(out.path)} || dvc repro -s -f {out.stage}"


def _from_git(out: Out) -> tuple[str, ...]:
    """Out of the last commit, where that has it as it must be; else by its stage."""
    path = _quoted(out.path)
    back = f"git checkout HEAD -- {path}" if _committed(out) else f"dvc repro -s -f {out.stage}"
    return f"rm -rf {path}", back


def _committed(out: Out) -> bool:
    if not out.md5.endswith(LIST):
        return _md5_of_commit(out.path.as_posix()) == out.md5
    names = git.names(Path(), "HEAD", out.path.as_posix())
    found = {Path(name).relative_to(out.path).as_posix(): _md5_of_commit(name) for name in names}
    return list_md5(found) == out.md5


def _md5_of_commit(name: str) -> str:
    return bytes_md5(git.read(Path(), "HEAD", name) or b"")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
