"""Pictures inline: no pixel is lost unless the page says so."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from sprite_lora.core.errors import SpriteLoraError
from stages.report.pictures import MOST_BYTES, encoded, inline

GENERATOR = np.random.default_rng(1)


def pixels(uri: str) -> np.ndarray:
    header, _, content = uri.partition(",")
    assert header in ("data:image/png;base64", "data:image/webp;base64")
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        return np.asarray(picture.convert("RGB"))


def save(tmp_path, drawn):
    path = tmp_path / "picture.png"
    Image.fromarray(drawn).save(path)
    return path


def test_small_picture_is_stored_pixel_by_pixel(tmp_path):
    drawn = GENERATOR.integers(0, 2, (192, 192, 3), dtype=np.uint8) * 255
    found = inline(save(tmp_path, drawn), 24, 192)
    assert (found.shrunk, found.lossy) == ("", False)
    assert (pixels(found.uri) == drawn).all()


def test_picture_too_rich_to_store_whole_is_compressed_and_said(tmp_path):
    drawn = GENERATOR.integers(0, 256, (192, 192, 3), dtype=np.uint8)
    found = inline(save(tmp_path, drawn), 24, 192)
    assert (found.shrunk, found.lossy) == ("", True)
    assert len(base64.b64decode(found.uri.partition(",")[2])) < MOST_BYTES
    assert pixels(found.uri).shape == drawn.shape


def test_on_grid_art_is_stored_one_pixel_per_art_pixel(tmp_path):
    cells = GENERATOR.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    found = inline(save(tmp_path, cells.repeat(24, 0).repeat(24, 1)), 24, 192)
    assert (found.shrunk, found.lossy) == ("exact", False)
    assert (pixels(found.uri) == cells).all()


def test_one_pixel_off_the_grid_is_averaged_and_said(tmp_path):
    drawn = GENERATOR.integers(0, 256, (24, 24, 3), dtype=np.uint8).repeat(24, 0).repeat(24, 1)
    drawn[100, 100] ^= 255
    found = inline(save(tmp_path, drawn), 24, 192)
    assert (found.shrunk, found.lossy) == ("area", False)
    expected = drawn.reshape(192, 3, 192, 3, 3).mean(axis=(1, 3))
    assert np.abs(pixels(found.uri) - expected).max() <= 1


def test_smaller_of_two_formats_is_taken():
    for picture in (Image.linear_gradient("L").convert("RGB"), Image.new("RGB", (2, 2))):
        sizes = {}
        for kind, options in (("png", {}), ("webp", {"lossless": True, "quality": 50, "exact": True})):
            buffer = io.BytesIO()
            picture.save(buffer, kind, **options)
            sizes[kind] = len(buffer.getvalue())
        kind, content = encoded(picture)
        assert len(content) == sizes[kind] == min(sizes.values())


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_broken_picture_is_named(tmp_path, content):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(SpriteLoraError, match=r"broken\.png: not a readable PNG"):
        inline(path, 24, 192)
