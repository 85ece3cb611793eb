import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from sprite_lora.art.image_file import MAX_SIDE, read_image
from sprite_lora.art.sprite import composite, enlarge, grid_factor, pack, snap, to_cells, unpack
from sprite_lora.core.errors import SpriteLoraError

CELLS = arrays(np.uint8, (6, 6, 3))


def save(path, pixels, mode=None):
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


def header_only(width, height):
    """A PNG that states a size and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = zlib.compress(b"\0" * 100)
    parts = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", data)
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


@given(CELLS, st.integers(1, 5))
def test_enlarge_and_back(cells, factor):
    large = enlarge(cells, factor)
    assert large.shape == (6 * factor, 6 * factor, 3)
    assert np.array_equal(np.asarray(Image.fromarray(cells).resize(large.shape[:2], Image.Resampling.NEAREST)), large)
    assert np.array_equal(to_cells(large, 6), cells)
    snapped = snap(large, 6)
    assert np.array_equal(snapped.cells, cells)
    assert snapped.off_grid == 0


@given(CELLS, st.data())
def test_stray_pixels_vanish_and_are_counted(cells, data):
    """Fewer than half of a cell's pixels, anywhere in it."""
    large = enlarge(cells, 4)
    inside = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=7, unique=True))
    for row, column in inside:
        large[8 + row, 4 + column] = ~cells[2, 1]
    assert np.array_equal(to_cells(large, 6), cells)
    snapped = snap(large, 6)
    assert np.array_equal(snapped.cells, cells)
    assert snapped.off_grid == len(inside)
    assert snapped.share == len(inside) / large[..., 0].size


def test_snap_never_invents_a_colour():
    large = np.zeros((8, 8, 3), dtype=np.uint8)
    large[0, 0], large[0, 1], large[1, 0], large[1, 1] = (9, 0, 0), (0, 9, 0), (0, 9, 0), (0, 0, 9)
    assert snap(large, 4).cells[0, 0].tolist() == [0, 9, 0]
    assert to_cells(large, 4)[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("width", "height", "factor"), [(24, 24, 1), (576, 576, 24), (24, 48, None), (100, 100, None), (12, 12, None)]
)
def test_grid_factor(width, height, factor):
    assert grid_factor(width, height, 24) == factor


def test_cells_need_whole_pixels():
    with pytest.raises(SpriteLoraError, match="100x100"):
        to_cells(np.zeros((100, 100, 3), dtype=np.uint8), 24)


@given(arrays(np.uint8, (3, 4, 3)))
def test_pack_round_trip(pixels):
    assert np.array_equal(unpack(pack(pixels)), pixels)


@given(arrays(np.uint8, (3, 4, 4)), st.tuples(*[st.integers(0, 255)] * 3))
def test_composite_is_the_formula(pixels, background):
    alpha = pixels[..., 3:].astype(float) / 255
    exact = pixels[..., :3] * alpha + np.array(background) * (1 - alpha)
    assert np.abs(composite(Image.fromarray(pixels), background) - exact).max() <= 0.5 + 1e-9


def test_opaque_stays_exact():
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    assert np.array_equal(composite(Image.fromarray(pixels).convert("RGBA"), (1, 2, 3)), pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA", "I;16"])
def test_modes_that_users_have(tmp_path, mode):
    pixels = np.kron(np.indices((12, 12)).sum(axis=0) % 2 * 255, np.ones((2, 2))).astype(np.uint8)
    if mode == "I;16":
        Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "a.png")
    else:
        Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    image = composite(read_image(tmp_path / "a.png"), (0, 0, 0))
    assert np.array_equal(image, np.stack([pixels] * 3, axis=-1))


def test_transparent_palette_colour(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=1)
    assert composite(read_image(tmp_path / "a.png"), (0, 0, 255)).tolist() == [[[255, 0, 0], [0, 0, 255]]]


def broken(good):
    yield "empty", b""
    yield "no PNG", b"GIF89a not a png"
    yield "header alone", good[:20]
    yield "cut", good[:-40]
    yield "damaged", good[:60] + b"\xff\xff\xff\xff" + good[64:]
    yield "bomb", header_only(60_000, 60_000)
    yield "too large", header_only(MAX_SIDE + 1, 4)
    yield "less than it states", header_only(24, 24)


def test_broken_files_are_one_clear_error(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    for name, content in broken(file.getvalue()):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(SpriteLoraError, match=r"a\.png") as caught:
            read_image(tmp_path / "a.png")
        assert "\n" not in str(caught.value.args[0]), name


def test_other_formats_under_the_name_are_refused(tmp_path):
    Image.new("RGB", (24, 24)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    with pytest.raises(SpriteLoraError, match="not a readable PNG"):
        read_image(tmp_path / "a.png")


def test_animation_is_refused(tmp_path):
    frames = [Image.new("RGB", (24, 24), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(SpriteLoraError, match="2 frames"):
        read_image(tmp_path / "a.png")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_sprite_or_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(SpriteLoraError):
        read_image(path)
