"""The header of a safetensors file, read without its tensors, from files of unknown origin.

Layout (https://github.com/huggingface/safetensors#format): 8 bytes little-endian header length, a JSON object of tensor
name -> {dtype, shape, data_offsets} with an optional `__metadata__` of strings, then the tensors' bytes without gaps.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypedDict

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import canonical_json

FORMAT_LIMIT = 100_000_000
"""The format's own limit on a header, in bytes (`MAX_HEADER_SIZE` of the safetensors crate)."""

READ_LIMIT = 16 * 2**20
"""Ours, in bytes: twenty times the largest header of an SDXL file, small enough to parse without harm."""

ENTRY_LIMIT = 1_000_000
"""Keys, lists and objects that a header of more than COUNTED bytes may hold: what bounds the memory of parsing it."""

COUNTED = 4 * 2**20

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64, "C64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64,
}  # fmt: skip
"""Width of each dtype of the format, in bits."""

METADATA = "__metadata__"

SIGNATURES = (
    (b"PK\x03\x04", "a zip archive, as torch.save writes: a pickle, which can run code when loaded"),
    (b"\x80\x02", "a pickle, which can run code when loaded"),
    (b"\x80\x03", "a pickle, which can run code when loaded"),
    (b"\x80\x04", "a pickle, which can run code when loaded"),
    (b"\x80\x05", "a pickle, which can run code when loaded"),
    (b"version https://git-lfs", "a Git LFS pointer; the file itself was never fetched"),
    (b"GGUF", "a GGUF file"),
    (b"<!DOC", "a web page, perhaps a failed download"),
    (b"<!doc", "a web page, perhaps a failed download"),
    (b"<html", "a web page, perhaps a failed download"),
)


SEEN = 16
"""Layouts kept. The epochs of a run differ in their metadata alone, so their tensors are parsed and checked once."""


class HeaderError(SpriteLoraError):
    """A file that is no sound safetensors file. The message says what was found."""


class Tensor(TypedDict):
    """One tensor as the header states it."""

    dtype: str
    shape: list[int]
    data_offsets: list[int]
    """First byte and byte after the last, counted from `Header.data_start`."""


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of itself."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    data_start: int
    """Offset of the first tensor's first byte in the file."""
    size: int
    """Of the file, in bytes."""
    layout_digest: bytes
    """Equal for files whose headers name the same tensors in the same words, whatever their metadata."""


_seen: dict[tuple[bytes, int], dict[str, Tensor]] = {}


def read_header(path: Path) -> Header:
    """The checked header of a safetensors file; no tensor byte is read.

    Raises HeaderError, with what was found, for pickles and other formats, truncated or padded files, headers over
    READ_LIMIT, and headers whose tensors overlap, leave gaps or do not fit their shape.
    """
    try:
        size = regular_size(path)
        with path.open("rb") as file:
            first = file.read(32)
            length = header_length(path, first, size)
            file.seek(8)
            raw = file.read(length)
    except OSError as error:
        raise HeaderError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) < length:
        raise HeaderError(f"{path}: ends inside its header", "the copy is not complete: fetch it again")
    return parse_header(path, raw, size)


def regular_size(path: Path) -> int:
    """Size in bytes of an ordinary file. Raises HeaderError for a folder, a pipe or a device, OSError for none."""
    stat = path.stat()
    if not S_ISREG(stat.st_mode):
        raise HeaderError(f"{path}: is no ordinary file")
    return stat.st_size


def header_length(path: Path, first: bytes, size: int) -> int:
    """The stated length of the header in bytes, checked against the file's size. `first`: the file's first bytes."""
    for signature, what in SIGNATURES:
        if first.startswith(signature):
            raise HeaderError(f"{path}: not safetensors but {what}", "nothing in it was loaded")
    if size < 10:
        raise HeaderError(f"{path}: {size} bytes are too few for a safetensors file", "the copy is not complete")
    length = int.from_bytes(first[:8], "little")
    if first[8:9] != b"{":
        raise HeaderError(f"{path}: no safetensors file: no header follows its first 8 bytes")
    if length > FORMAT_LIMIT:
        raise HeaderError(
            f"{path}: states a header of {length:,} bytes; the format allows {FORMAT_LIMIT:,}", "not a safetensors file"
        )
    if length > size - 8:
        raise HeaderError(
            f"{path}: states a header of {length:,} bytes and has only {size - 8:,} after the length",
            "the copy is not complete, or it is another kind of file",
        )
    if length > READ_LIMIT:
        raise HeaderError(
            f"{path}: its header of {length:,} bytes was not read; the largest that is read is {READ_LIMIT:,}",
            "hundreds of times a LoRA's: look at what its metadata carries",
        )
    return length


def parse_header(path: Path, raw: bytes, size: int) -> Header:
    """Parse and check a header's JSON bytes. `size`: of the whole file in bytes. Raises HeaderError."""
    entries = raw.count(b'":') + raw.count(b"[") + raw.count(b"{") if len(raw) > COUNTED else 0
    if entries > ENTRY_LIMIT:
        raise HeaderError(f"{path}: its header holds {entries:,} entries, no model has so many", "it was not parsed")
    try:
        text = raw.decode("utf-8")
        metadata, rest = _split(text)
        digest = hashlib.blake2b(rest.rstrip().encode(), digest_size=16).digest()
        key = (digest, size - 8 - len(raw))
        if key not in _seen:
            content = _object(rest)
            if metadata is None:
                metadata = content.pop(METADATA, {})
            elif METADATA in content:
                raise ValueError(f"states `{METADATA}` twice")
            _check_tensors(content, key[1])
            if len(_seen) == SEEN:
                del _seen[next(iter(_seen))]
            _seen[key] = content
        if metadata is None:
            metadata = json.loads(text).get(METADATA, {})
        _check_metadata(metadata)
        if "\\u" in text:
            canonical_json([[*_seen[key]], metadata]).encode()
    except UnicodeDecodeError as error:
        raise HeaderError(f"{path}: its header is not UTF-8 at byte {8 + error.start}", "damaged") from None
    except UnicodeEncodeError:
        raise HeaderError(f"{path}: its header escapes half a character", "damaged, or made to mislead") from None
    except json.JSONDecodeError as error:
        raise HeaderError(f"{path}: its header is not JSON: {error}", "damaged") from None
    except RecursionError:
        raise HeaderError(f"{path}: its header is nested too deeply", "not a safetensors header") from None
    except ValueError as error:
        raise HeaderError(f"{path}: its header {error}", "damaged, or made to mislead") from None
    return Header(_seen[key], metadata, 8 + len(raw), size, digest)


def _split(text: str) -> tuple[Any, str]:
    """The metadata where it comes first, as the safetensors library writes it (else None), and the rest."""
    opening = '{"' + METADATA + '":'
    if not text.startswith(opening):
        return None, text
    start = len(text) - len(text[len(opening) :].lstrip(" \t\r\n"))
    metadata, end = _CAREFUL.raw_decode(text, start)
    rest = text[end:].lstrip()
    if rest[:1] not in (",", "}") or rest[1:].lstrip()[:1] == "}":
        raise ValueError("is not JSON after its metadata")
    return metadata, "{" + rest.removeprefix(",")


def _object(text: str) -> dict[str, Any]:
    """A JSON object. The quick parser keeps the last of two equal keys, so it is read with care unless it shows none.

    It has as many colons as keys, but for those in texts: one that was dropped leaves a colon too many.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("is not a JSON object")
    keys = len(content) + sum(len(value) for value in content.values() if isinstance(value, dict))
    if text.count(":") != keys:
        _CAREFUL.decode(text)
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"states {twice[:80]!r} twice")
    return content


_CAREFUL = json.JSONDecoder(object_pairs_hook=_unique)


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict) or not all(type(value) is str for value in metadata.values()):
        raise ValueError("has metadata that is not an object of strings")


def _check_tensors(tensors: dict[str, Any], data: int) -> None:
    """Every tensor well formed, and together without gap or overlap over exactly `data` bytes. Raises ValueError."""
    spans = []
    for name, tensor in tensors.items():
        try:
            begin, end = tensor["data_offsets"]
            dtype, shape = tensor["dtype"], tensor["shape"]
        except (TypeError, KeyError, ValueError):
            raise ValueError(f"gives tensor {name[:80]!r} without dtype, shape and offsets") from None
        if type(begin) is not int or type(end) is not int or not 0 <= begin <= end <= data:
            raise ValueError(f"places tensor {name[:80]!r} outside the file's {data:,} bytes of tensors")
        if type(dtype) is not str or dtype not in BITS:
            raise ValueError(
                f"gives tensor {name[:80]!r} the dtype {str(dtype)[:80]!r}, which the format does not have"
            )
        if type(shape) is not list or len(shape) > 64:
            raise ValueError(f"gives tensor {name[:80]!r} a shape that is no list of up to 64 sides")
        for side in shape:
            if type(side) is not int or not 0 <= side < 2**63:
                raise ValueError(f"gives tensor {name[:80]!r} an impossible shape")
        if math.prod(shape) * BITS[dtype] != 8 * (end - begin):
            raise ValueError(f"gives tensor {name[:80]!r} {end - begin:,} bytes, which {dtype} {shape} do not fill")
        spans.append((begin, end))
    spans.sort()
    reached = 0
    for begin, end in spans:
        if begin != reached:
            what = "overlap" if begin < reached else "leave a gap"
            raise ValueError(f"has tensors that {what} at byte {begin:,}")
        reached = end
    if reached != data:
        raise ValueError(f"leaves {data - reached:,} bytes after the last tensor that belong to none")
