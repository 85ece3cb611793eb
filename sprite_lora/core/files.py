"""Reading regular files alone, and no more of them than is allowed; files written whole or not at all; hashes."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, BinaryIO

from sprite_lora.core.errors import SpriteLoraError


def irregular(path: Path) -> str | None:
    """Why a path leads to no regular file, links followed; None where it leads to one."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError as error:  # a zero byte, half a character
        return f"is no file name: {error}"
    if S_ISREG(mode):
        return None
    return f"is {'a folder' if S_ISDIR(mode) else 'a pipe, socket or device'}, not a file"


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading. A pipe, which could make the reader wait for ever, or a device is not opened.

    Raises SpriteLoraError for anything else, for no file, and for one that cannot be read.
    """
    if problem := irregular(path):
        raise SpriteLoraError(f"{path}: {problem}")
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise SpriteLoraError(f"{path}: cannot be read: {error.strerror}") from None


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's content, at most `limit` bytes. Raises SpriteLoraError for a larger one, and as `open_regular` does."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise SpriteLoraError(f"{path}: {size:,} bytes; at most {limit:,} are read")
        content = file.read(size + 1)
    if len(content) != size:
        raise SpriteLoraError(f"{path}: grows or shrinks while it is read")
    return content


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; on success it is synced and renamed to `path`.

    A process that dies in between leaves the old file, never half a new one. Raises SpriteLoraError where the file
    cannot be written: a full disk, a folder without the right to write.
    """
    temporary = path  # until there is one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if error.filename not in (None, str(temporary), str(path.parent)):
            raise  # of what is read meanwhile
        raise SpriteLoraError(
            f"{path} cannot be written: {error.strerror}", "what was there before is as it was"
        ) from None
    finally:
        if temporary != path:
            with suppress(OSError):  # read-only now: what is said above tells more
                temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8 with its line ends as they are, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON in the order given, with a final newline."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def canonical_json(content: Any) -> str:
    """One spelling per value: keys sorted, no spaces. For hashing and for metadata."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def utf8(text: str) -> bytes:
    """A text's bytes for a hash. Half characters, which JSON and names that are not UTF-8 give, have three bytes."""
    return text.encode("utf-8", "surrogatepass")


def sha256_text(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, in hex."""
    return hashlib.sha256(utf8(text)).hexdigest()


def sha256_set(hashes: dict[str, str]) -> str:
    """One hash for a set of named hashes, independent of their order."""
    return sha256_text(canonical_json(hashes))


def sha256_tree(root: Path, skip: tuple[str, ...] = ()) -> str:
    """One hash for a file, or for the relative names and contents of all files below a folder.

    `skip` are file-name suffixes that do not count.
    """
    if root.is_file():
        return sha256(root)
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.endswith(skip or ("\0",)))
    return sha256_set({path.relative_to(root).as_posix(): sha256(path) for path in files})
