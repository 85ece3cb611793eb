"""Reading PNG files of every kind, sound and not: pixels by the specification's formulas, one line for all else."""

import itertools
import os
import random
import subprocess
import sys
import zlib

import numpy as np
import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT
from png_files import CHANNELS, SIGNATURE, chunk, header, pixels, png

from sprite_lora.art.image_file import MAX_BYTES, MAX_SIDE, read_chunks, read_image
from sprite_lora.core.errors import SpriteLoraError

KINDS = [
    (colour, depth)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
    for depth in depths
]
PALETTE = [(index, 255 - index, index * 7 % 256) for index in range(256)]


def to_byte(sample, depth):
    """16 bits to their upper byte; fewer than 8 stretched over 0 to 255."""
    return sample >> 8 if depth == 16 else sample * 255 // (2**depth - 1)


def as_rgba(pixel, colour, depth, key, alphas):
    """A pixel's samples as the specification reads them, in 8 bits."""
    if colour == 3:
        return (*PALETTE[pixel[0]], alphas[pixel[0]] if pixel[0] < len(alphas) else 255)
    told = [to_byte(sample, depth) for sample in pixel]
    alpha = told.pop() if colour in (4, 6) else 0 if pixel == key else 255
    return (*(told * 3 if len(told) == 1 else told), alpha)


def made(data, colour, depth, interlaced=0, key=None, alphas=()):
    """A file of 11 x 9 random pixels, and what they are; with `key` the first one's colour is transparent."""
    rows = [[tuple(data.randrange(2**depth) for _ in range(CHANNELS[colour])) for _ in range(11)] for _ in range(9)]
    if key:
        key = rows[0][0]
    chunks = [header(11, 9, depth, colour, interlaced)]
    if colour == 3:
        chunks.append(chunk(b"PLTE", bytes(itertools.chain(*PALETTE[: 2**depth]))))
    if alphas:
        chunks.append(chunk(b"tRNS", bytes(alphas)))
    elif key:
        chunks.append(chunk(b"tRNS", b"".join(sample.to_bytes(2) for sample in key)))
    expected = [[as_rgba(pixel, colour, depth, key, alphas) for pixel in row] for row in rows]
    return png(*chunks, pixels(rows, depth, interlaced)), np.array(expected, dtype=np.uint8)


@pytest.fixture
def read(tmp_path):
    def read(content):
        (tmp_path / "a.png").write_bytes(content)
        return read_image(tmp_path / "a.png")

    return read


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_every_kind_has_the_specifications_pixels(read, colour, depth, transparent, interlaced):
    data = random.Random(0)
    alphas = [data.randrange(256) for _ in range(2 ** (depth - 1))] if colour == 3 and transparent else ()
    key = transparent and colour in (0, 2)
    content, expected = made(data, colour, depth, interlaced, key, alphas)
    if key and (colour, depth) == (2, 16):
        with pytest.raises(SpriteLoraError, match="16 bits a sample with a transparent colour"):
            read(content)
        return
    image = read(content)
    assert image.mode == ("RGBA" if (transparent and colour in (0, 2, 3)) or colour in (4, 6) else "RGB")
    assert np.array_equal(np.asarray(image.convert("RGBA")), expected)


@pytest.mark.parametrize("colour", [0, 2])
def test_art_of_8_bits_saved_with_16_comes_back(read, colour):
    rows = [[(level * 257,) * CHANNELS[colour] for level in range(256)]]
    image = read(png(header(256, 1, 16, colour), pixels(rows, 16)))
    assert np.array_equal(np.asarray(image)[0], np.arange(256)[:, None].repeat(3, axis=1))


ROWS = [[(1, 2, 3)] * 4] * 4
DATA = pixels(ROWS, 8)
HEADER = header(4, 4)
GREY = pixels([[(0,)] * 4] * 4, 8)

BROKEN = {
    "empty": (b"", "it is empty"),
    "another format": (b"GIF89a", "does not begin as a PNG"),
    "second header": (png(HEADER, header(13_000, 13_000), DATA), "IHDR stands twice"),
    "second header behind": (png(HEADER, DATA, HEADER), "IHDR stands twice"),
    "no header": (png(DATA), "first chunk is no IHDR"),
    "long header": (png(chunk(b"IHDR", bytes(14)), DATA), "IHDR has 14 bytes"),
    "no pixel": (png(header(0, 4), DATA), "IHDR states 0x4"),
    "negative": (png(header(2**31, 4), DATA), "IHDR states 2147483648x4"),
    "depth": (png(header(4, 4, 4, 2), DATA), "4 bits of colour type 2"),
    "colour": (png(header(4, 4, 8, 5), DATA), "colour type 5"),
    "interlacing": (png(header(4, 4, 8, 2, 2), DATA), "a method that PNG does not have"),
    "no palette": (png(header(4, 4, 8, 3), GREY), "no palette"),
    "odd palette": (png(header(4, 4, 8, 3), chunk(b"PLTE", bytes(4)), GREY), "its palette .PLTE. has 4 bytes"),
    "long palette": (png(header(4, 4, 1, 3), chunk(b"PLTE", bytes(9)), GREY), "its palette .PLTE. has 9 bytes"),
    "two palettes": (png(header(4, 4, 8, 3), *[chunk(b"PLTE", bytes(3))] * 2, GREY), "PLTE stands twice"),
    "late palette": (png(header(4, 4, 8, 3), GREY, chunk(b"PLTE", bytes(3))), "PLTE stands behind the pixels"),
    "beyond its palette": (
        png(header(4, 4, 8, 3), chunk(b"PLTE", bytes(3)), pixels([[(7,)] * 4] * 4, 8)),
        "colour that its palette does not hold",
    ),
    "long tRNS": (png(header(4, 4, 8, 3), chunk(b"PLTE", bytes(3)), chunk(b"tRNS", bytes(2)), GREY), "has 2 bytes"),
    "short tRNS": (png(HEADER, chunk(b"tRNS", bytes(5)), DATA), "has 5 bytes at colour type 2"),
    "tRNS beside alpha": (png(header(4, 4, 8, 6), chunk(b"tRNS", bytes(2)), DATA), "at colour type 6"),
    "wrong checksum": (png(HEADER, chunk(b"IDAT", b"abc", crc=1)), "IDAT has a wrong checksum"),
    "wrong checksum aside": (png(HEADER, chunk(b"tEXt", b"k\0v", crc=1), DATA), "tEXt has a wrong checksum"),
    "endless chunk": (png(HEADER, chunk(b"tEXt", b"", length=2**32 - 1)), "tEXt states 4,294,967,295 bytes"),
    "unknown critical": (png(HEADER, chunk(b"ABCD"), DATA), "ABCD is unknown"),
    "no letters": (png(HEADER, chunk(b"\0\1\2\3"), DATA), "no chunk begins"),
    "apart": (png(HEADER, DATA, chunk(b"tIME", bytes(7)), DATA), "stand apart"),
    "no IDAT": (png(HEADER), "holds no pixels"),
    "no IEND": ((SIGNATURE + HEADER + DATA), "cut off"),
    "cut": (png(HEADER, DATA)[:-20], "states|cut off"),
    "too few pixels": (png(HEADER, chunk(b"IDAT", zlib.compress(b"\0" * 9))), "truncated"),
    "no zlib": (png(HEADER, chunk(b"IDAT", b"hello")), "broken|truncated"),
    "empty pixels": (png(HEADER, chunk(b"IDAT")), "truncated"),
    "unknown filter": (png(HEADER, chunk(b"IDAT", zlib.compress(b"\x09" * 52))), r"\("),
    "animation": (png(HEADER, chunk(b"acTL", bytes([0, 0, 0, 9, 0, 0, 0, 0])), DATA), "an animation of 9 frames"),
    "wide": (png(header(MAX_SIDE + 1, 1), DATA), "4097x1 pixels, at most 4096x4096"),
    "bomb": (png(header(2**31 - 1, 2**31 - 1), DATA), "at most 4096x4096"),
    "many chunks": (png(HEADER, chunk(b"tIME") * 100_001, DATA), "more than 100,000 chunks"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_sound_picture_is_one_line(read, name):
    content, said = BROKEN[name]
    with pytest.raises(SpriteLoraError, match=said) as caught:
        read(content)
    message = str(caught.value.args[0])
    assert "a.png: " in message
    assert message.isprintable()


HARMLESS = {
    "text": chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 2**27)),
    "international text": chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"x" * 2**27)),
    "profile": chunk(b"iCCP", b"k\0\0" + zlib.compress(b"x" * 2**27)),
    "exif": chunk(b"eXIf", b"II*\0" + b"\xff" * 60_000),
    "one frame": chunk(b"acTL", bytes([0, 0, 0, 1, 0, 0, 0, 0])),
    "palette that nobody needs": chunk(b"PLTE", bytes(9)),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_no_stage_reads_is_passed_over(read, name):
    """128 MiB of text or profile in 128 KiB: never unpacked."""
    for content in (png(HEADER, HARMLESS[name], DATA), png(HEADER, DATA) + b"what follows the end"):
        assert np.asarray(read(content)).tolist() == [[[1, 2, 3]] * 4] * 4


@pytest.mark.parametrize("name", ["text", "international text"])
def test_a_text_that_unpacks_without_end_is_refused(tmp_path, name):
    (tmp_path / "a.png").write_bytes(png(HEADER, HARMLESS[name], DATA))
    with pytest.raises(SpriteLoraError, match=r"a\.png: not a readable PNG .*too large"):
        read_chunks(tmp_path / "a.png")


def test_files_that_are_no_regular_ones_or_too_large(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(SpriteLoraError, match="is a pipe"):
        read_image(tmp_path / "pipe.png")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(SpriteLoraError, match="67,108,865 bytes; at most 67,108,864"):
        read_image(tmp_path / "large.png")


def largest(depth, colour, bytes_a_pixel, *before, interlaced=0):
    data = bytes((bytes_a_pixel * MAX_SIDE + 30) * MAX_SIDE)
    return png(header(MAX_SIDE, MAX_SIDE, depth, colour, interlaced), *before, chunk(b"IDAT", zlib.compress(data, 1)))


WORST = {
    "key": lambda: largest(8, 2, 3, chunk(b"tRNS", bytes(6))),
    "pixels": lambda: largest(8, 6, 4),
    "16 bits": lambda: largest(16, 4, 4),
    "interlaced": lambda: largest(8, 6, 4, interlaced=1),
    "data": lambda: png(HEADER, chunk(b"IDAT", zlib.compress(b"\0" * 2**27))),
    "chunks": lambda: png(HEADER, chunk(b"tEXt", b"k\0v") * 90_000, DATA),
    "second header": lambda: BROKEN["second header"][0],
}
LIMITED = """
import resource, sys
from pathlib import Path
from sprite_lora.dataset.checks.sprites import check_sprite
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 512 * 2**20,) * 2)
print(*[finding.message for finding in check_sprite(Path(sys.argv[1]), 16, (0, 0, 0)).findings])
"""


@pytest.mark.parametrize("name", ["key", *(pytest.param(name, marks=pytest.mark.slow) for name in list(WORST)[1:])])
def test_no_sprite_takes_more_than_512_mib(tmp_path, name):
    """The largest that is read, and bombs, in a process that gets no more."""
    (tmp_path / "a.png").write_bytes(WORST[name]())
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert any(said in done.stdout for said in ("16777216 pixels are not opaque", "4x4 pixels", "IHDR stands twice"))


def corpus():
    """Small sound files of every kind, split into chunks."""
    data = random.Random(1)
    for colour, depth in KINDS:
        alphas = (0, 128) if colour == 3 else ()
        yield made(data, colour, depth, depth % 2, colour == 0, alphas)[0]
    yield png(HEADER, chunk(b"tEXt", b"parameters\0x"), HARMLESS["one frame"], DATA, chunk(b"zTXt", b"k\0\0x"))


def split(content):
    at, chunks = 8, []
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


CORPUS = [split(content) for content in corpus()]


NAMES = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"eXIf", b"zTXt", b"iTXt"]


@st.composite
def mutated(draw):
    """A file of the corpus with some chunks changed, doubled, moved, dropped or mixed in, checksums right or not."""
    chunks = list(draw(st.sampled_from(CORPUS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(chunks) - 1))
        kind, data = chunks[place]
        match draw(st.sampled_from(["flip", "cut", "double", "move", "drop", "kind", "mix", "grow"])):
            case "flip" if data:
                at = draw(st.integers(0, len(data) - 1))
                data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
                chunks[place] = (kind, data)
            case "cut":
                chunks[place] = (kind, data[: draw(st.integers(0, len(data)))])
            case "grow":
                chunks[place] = (kind, data + draw(st.binary(max_size=8)))
            case "double":
                chunks.insert(draw(st.integers(0, len(chunks))), (kind, data))
            case "move":
                chunks.insert(draw(st.integers(0, len(chunks) - 1)), chunks.pop(place))
            case "drop" if len(chunks) > 1:
                del chunks[place]
            case "kind":
                names = [
                    b"IHDR",
                    b"PLTE",
                    b"tRNS",
                    b"IDAT",
                    b"IEND",
                    b"acTL",
                    b"fcTL",
                    b"fdAT",
                    b"iCCP",
                    b"eXIf",
                    b"zTXt",
                ]
                chunks[place] = (draw(st.sampled_from(names)), data)
            case "mix":
                chunks.insert(place, draw(st.sampled_from(draw(st.sampled_from(CORPUS)))))
    content = SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(content) - 1))
        content = content[:at] + draw(st.binary(max_size=3)) + content[at + draw(st.integers(0, 3)) :]
        content = content or b"\0"
    return content


@examples(100, 100_000)
@given(mutated())
def test_a_mutated_picture_is_a_picture_or_one_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "mutated.png"
    path.write_bytes(content)
    for reads in (read_image, read_chunks):
        try:
            result = reads(path)
        except SpriteLoraError as error:
            message = str(error.args[0])
            assert message.startswith(f"{path}: ")
            assert "\n" not in message
        else:
            assert isinstance(result, tuple) or (max(result.size) <= MAX_SIDE and result.mode in ("RGB", "RGBA"))
