"""A PNG's chunks, checked before anything is decoded, and its pixels (PNG specification, third edition).

Pillow alone would believe a second header, read a palette picture without a palette, pass over the checksums of the
pixels, hold 16-bit grey as numbers that turn white, and unpack what no stage reads (profiles, EXIF, frames).
"""

import io
import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6

DEPTHS = {
    GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16),
}  # fmt: skip
"""Colour type to the bits that a sample may have (its table 8)."""

CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
ONCE = (b"IHDR", b"PLTE", b"tRNS", b"acTL")
TEXTS = (b"tEXt", b"zTXt", b"iTXt")

MOST_CHUNKS = 100_000
"""More than encoders make of the largest picture that is read (4096 x 4096, 8 KiB a chunk: 8,192)."""


@dataclass(frozen=True)
class Png:
    """A PNG whose chunks are sound. Its pixels may still turn out to be cut off."""

    width: int
    height: int
    depth: int
    """Bits a sample."""
    colour: int
    """GREY, RGB, PALETTE, GREY_ALPHA or RGB_ALPHA."""
    frames: int
    """1, or those of an animation (APNG)."""
    chunks: dict[bytes, memoryview] = field(repr=False)
    """Kind to the content of IHDR, PLTE, tRNS and acTL, as far as they are there."""
    pixels: memoryview = field(repr=False)
    """All IDAT chunks whole, with lengths and checksums."""
    text_chunks: tuple[memoryview, ...] = field(repr=False)
    """Whole."""

    @property
    def mode(self) -> str:
        """What Pillow calls this kind of pixels."""
        grey = "1" if self.depth == 1 else "I;16" if self.depth == 16 else "L"
        return {GREY: grey, RGB: "RGB", PALETTE: "P", GREY_ALPHA: "LA", RGB_ALPHA: "RGBA"}[self.colour]


def parse(content: bytes) -> Png:
    """Check a PNG file's chunks. Raises ValueError: what is wrong, in words. What follows IEND is not looked at."""
    if not content.startswith(SIGNATURE):
        raise ValueError("it does not begin as a PNG" if content else "it is empty")
    view = memoryview(content)
    single: dict[bytes, memoryview] = {}
    texts: list[memoryview] = []
    first = last = 0  # where the pixels begin and end
    at, kind = len(SIGNATURE), b""
    for _ in range(MOST_CHUNKS):
        kind, end = _chunk(view, at)
        data = view[at + 8 : end - 4]
        if (kind == b"IHDR") != (at == len(SIGNATURE)):
            raise ValueError("its first chunk is no IHDR" if kind != b"IHDR" else "IHDR stands twice")
        if kind in single:
            raise ValueError(f"{kind.decode()} stands twice")
        if kind in ONCE:
            single[kind] = data
            if first and kind != b"acTL":
                raise ValueError(f"{kind.decode()} stands behind the pixels")
        elif kind == b"IDAT":
            if first and at != last:
                raise ValueError("its IDAT chunks stand apart")
            first, last = first or at, end
        elif kind in TEXTS:
            texts.append(view[at:end])
        elif kind == b"IEND":
            break
        elif kind not in CRITICAL and not kind[0] & 0x20:
            raise ValueError(f"its chunk {kind.decode()} is unknown and must not be passed over")
        at = end
    if kind != b"IEND":
        raise ValueError(f"more than {MOST_CHUNKS:,} chunks")
    if not first:
        raise ValueError("it holds no pixels (no IDAT)")
    width, height, depth, colour = _header(bytes(single[b"IHDR"]))
    _check_colours(single, depth, colour)
    frames = int.from_bytes(single[b"acTL"][:4]) if b"acTL" in single else 1
    return Png(width, height, depth, colour, frames, single, view[first:last], tuple(texts))


def _chunk(view: memoryview, at: int) -> tuple[bytes, int]:
    """Kind of the chunk at `at`, and where the next one begins."""
    length, kind = int.from_bytes(view[at : at + 4]), bytes(view[at + 4 : at + 8])
    left = len(view) - at - 12
    if left < 0:
        raise ValueError("it ends before IEND: it is cut off")
    if not (kind.isascii() and kind.isalpha()):
        raise ValueError(f"at byte {at:,} no chunk begins: it is damaged")
    if length > left:
        raise ValueError(f"its chunk {kind.decode()} states {length:,} bytes, {left:,} are left")
    end = at + 12 + length
    if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
        raise ValueError(f"its chunk {kind.decode()} has a wrong checksum: it is damaged")
    return kind, end


def _header(content: bytes) -> tuple[int, int, int, int]:
    if len(content) != 13:
        raise ValueError(f"IHDR has {len(content):,} bytes, not 13")
    width, height = int.from_bytes(content[:4]), int.from_bytes(content[4:8])
    depth, colour, compression, filtering, interlacing = content[8:]
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise ValueError(f"IHDR states {width}x{height} pixels")
    if depth not in DEPTHS.get(colour, ()):
        raise ValueError(f"IHDR states {depth} bits of colour type {colour}")
    if compression or filtering or interlacing > 1:
        raise ValueError("IHDR states a method that PNG does not have")
    return width, height, depth, colour


def _check_colours(chunks: dict[bytes, memoryview], depth: int, colour: int) -> None:
    """Palette and transparent colour are there where they must be, and of the right length."""
    palette = len(chunks.get(b"PLTE", b""))
    if colour == PALETTE and not palette:
        raise ValueError("it has no palette (no PLTE)")
    if palette % 3 or palette > 3 * (2**depth if colour == PALETTE else 256):
        raise ValueError(f"its palette (PLTE) has {palette} bytes")
    if b"tRNS" in chunks:
        found = len(chunks[b"tRNS"])
        fits = 1 <= found <= palette // 3 if colour == PALETTE else found == {GREY: 2, RGB: 6}.get(colour)
        if not fits:
            raise ValueError(f"its transparency (tRNS) has {found} bytes at colour type {colour}")


def _file(*parts: bytes | memoryview) -> io.BytesIO:
    return io.BytesIO(b"".join([SIGNATURE, *parts, _made(b"IEND", b"")]))


def _made(kind: bytes, data: bytes | memoryview) -> bytes:
    return b"".join([len(data).to_bytes(4), kind, data, zlib.crc32(data, zlib.crc32(kind)).to_bytes(4)])


def decode(png: Png) -> Image.Image:
    """The pixels, RGBA where the file has transparency, else RGB. Raises whatever Pillow raises for broken pixels.

    16-bit samples are cut to their upper byte, as Pillow cuts them in colour pictures: art of 8 bits that was saved
    with 16 (v * 257) comes back exactly, and grey is no different from equal red, green and blue.
    """
    kept = (b"IHDR", b"PLTE", b"tRNS") if png.colour == PALETTE else (b"IHDR",)
    chunks = [_made(kind, png.chunks[kind]) for kind in kept if kind in png.chunks]
    image: Image.Image
    with Image.open(_file(*chunks, png.pixels), formats=("PNG",)) as image:
        image.load()
    if png.colour == PALETTE:
        if np.asarray(image).max() >= len(png.chunks[b"PLTE"]) // 3:
            raise ValueError("a pixel has a colour that its palette does not hold")
        return image.convert("RGBA" if b"tRNS" in png.chunks else "RGB")
    key = png.chunks.get(b"tRNS")
    clear = None if key is None else _is_colour(image, png, bytes(key))
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    wanted = "RGBA" if png.colour in (GREY_ALPHA, RGB_ALPHA) else "RGB"
    image = image if image.mode == wanted else image.convert(wanted)
    if clear is not None:
        image.putalpha(Image.fromarray(np.where(clear, np.uint8(0), np.uint8(255))))
    return image


def _is_colour(image: Image.Image, png: Png, key: bytes) -> NDArray[np.bool_]:
    """Which pixels, (height, width), have the transparent colour: compared at the file's own depth."""
    if png.colour == RGB and png.depth == 16:
        raise ValueError("16 bits a sample with a transparent colour (tRNS)")
    most = (1 << png.depth) - 1
    samples = [int.from_bytes(key[at : at + 2]) & most for at in range(0, len(key), 2)]
    if png.depth < 8:
        samples = [sample * 255 // most for sample in samples]  # as Pillow gives the pixels
    pixels = np.atleast_3d(np.asarray(image.convert("L") if image.mode == "1" else image))
    return np.asarray((pixels == np.array(samples)).all(axis=2))


def texts(png: Png) -> dict[str, str]:
    """The text chunks by key, at most 1 MiB each and 64 MiB in all. Raises whatever Pillow raises for others."""
    header = _made(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, GREY, 0, 0, 0]))
    with Image.open(_file(header, *png.text_chunks, _made(b"IDAT", b"")), formats=("PNG",)) as image:
        return {str(key): str(value) for key, value in image.info.items() if isinstance(value, str)}
