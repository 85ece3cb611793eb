"""PNG files made without a library, by the specification, so that what reads them is held to that."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column, first row, column step, row step."""


def chunk(kind: bytes, data: bytes = b"", length: int | None = None, crc: int | None = None) -> bytes:
    """A chunk; length and checksum right unless given."""
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", crc)


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def packed(rows: list[list[tuple[int, ...]]], depth: int) -> bytes:
    """Rows of pixels as samples of `depth` bits, each row with filter type 0 before it."""
    lines = []
    for row in rows:
        bits = "".join(f"{sample:0{depth}b}" for pixel in row for sample in pixel)
        bits += "0" * (-len(bits) % 8)
        lines.append(b"\0" + int(bits, 2).to_bytes(len(bits) // 8))
    return b"".join(lines)


def pixels(rows: list[list[tuple[int, ...]]], depth: int, interlaced: int = 0) -> bytes:
    """The IDAT chunk of rows of pixels."""
    if not interlaced:
        return chunk(b"IDAT", zlib.compress(packed(rows, depth)))
    passes = ([row[x::across] for row in rows[y::down]] for x, y, across, down in PASSES)
    return chunk(b"IDAT", zlib.compress(b"".join(packed(one, depth) for one in passes if one and one[0])))


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND")
