"""Pictures with their record, and what web UIs write."""

import re
import struct
import time
import zlib

import numpy as np
import pytest
from fuzzing import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sprite_lora.art.image_file import read_texts
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.picture import (
    SETTING,
    parse_web_ui,
    picture_bytes,
    pixels_hash,
    read_record,
    read_web_ui,
    require_own_pixels,
    web_ui_text,
    write_picture,
)

PIXELS = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
RECORD = {"stage": "sample", "epoch": 3, "prompt": "pixel art, “24x24” 🙂", "checkpoint": None, "finite": True}
LINE = {
    "prompt": "pixel art, 24x24",
    "negative_prompt": "",
    "steps": 30,
    "scheduler": "ddim",
    "guidance_scale": 7.5,
    "seed": 42,
    "size": (192, 192),
    "model": "nano",
    "model_hash": "0123456789abcdef",
}

# The layout of AUTOMATIC1111's own infotext, with quoted values, several lines and a negative prompt.
BY_WEB_UI = """portrait of a lady, <lora:punk-000003:0.8>
second line: with a colon, and 3 commas, here
Negative prompt: blurry,
ugly
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 1234567890, Size: 512x768, \
Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Clip skip: 2, \
Lora hashes: "punk-000003: e3b0c44298fc, other: 0123456789ab", Version: v1.9.4"""


def test_web_ui_text_is_taken_apart():
    said = parse_web_ui(BY_WEB_UI)
    assert said.prompt == ("portrait of a lady, <lora:punk-000003:0.8>\nsecond line: with a colon, and 3 commas, here")
    assert said.negative_prompt == "blurry,\nugly"
    assert said.settings["Sampler"] == "DPM++ 2M"
    assert said.settings["Size"] == "512x768"
    assert said.settings["Version"] == "v1.9.4"
    assert said.lora_hashes == {"punk-000003": "e3b0c44298fc", "other": "0123456789ab"}


def test_text_without_settings_is_all_prompt():
    said = parse_web_ui("a lady, red hat\nSteps: 3, Seed: 4")
    assert said.prompt == "a lady, red hat\nSteps: 3, Seed: 4"
    assert said.settings == {}
    assert said.lora_hashes == {}
    assert parse_web_ui("").prompt == ""


THEIRS = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""AUTOMATIC1111's `re_param` (modules/infotext_utils.py)."""


@examples(300, 100_000)
@given(st.text('a1 -/:,"\\\t', max_size=60))
def test_settings_are_those_that_the_web_ui_finds(line):
    assert [found for found in SETTING.findall(line) if found[0]] == THEIRS.findall(line)


@pytest.mark.parametrize("text", ["a", "a ", "-", " ", "\t", "a:", "a-", "ab:,", 'ab:"', 'ab:"\\"', "a\t", "/ "])
def test_a_mebibyte_of_settings_takes_a_second_at_most(text):
    start = time.process_time()
    parse_web_ui(f"{text * 2**20}"[: 2**20])
    assert time.process_time() - start < 10


def test_our_line_is_the_web_uis():
    line = web_ui_text(**{**LINE, "negative_prompt": "blurry"}, clip_skip=2, loras={"punk-000003": "e3b0c44298fc1c14"})
    assert line == (
        "pixel art, 24x24\n"
        "Negative prompt: blurry\n"
        "Steps: 30, Sampler: DDIM, CFG scale: 7.5, Seed: 42, Size: 192x192, Model hash: 0123456789, Model: nano, "
        'Clip skip: 2, Lora hashes: "punk-000003: e3b0c44298fc"'
    )
    plain = web_ui_text(**LINE)
    assert "Negative prompt" not in plain
    assert "Lora" not in plain


words = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1).map(str.strip).filter(bool)


@settings(max_examples=60)
@given(prompt=words, negative=words | st.just(""), model=words, lora=st.from_regex(r"[\w.-]+", fullmatch=True))
def test_what_is_written_is_read_back(prompt, negative, model, lora):
    if prompt.startswith("Negative prompt:"):
        return
    line = web_ui_text(
        **{**LINE, "prompt": prompt, "negative_prompt": negative, "model": model}, loras={lora: "ab" * 32}
    )
    said = parse_web_ui(line)
    assert (said.prompt, said.negative_prompt) == (prompt, negative.removeprefix("Negative prompt:").strip())
    assert said.settings["Seed"] == "42"
    assert said.lora_hashes == {lora: "ab" * 6}


def test_record_and_pixels_come_back(tmp_path):
    path = tmp_path / "deep" / "x.png"
    write_picture(path, PIXELS, RECORD, web_ui_text(**LINE))
    assert read_record(path) == {**RECORD, "pixels": pixels_hash(PIXELS)}
    assert read_web_ui(path).settings["Steps"] == "30"
    assert np.array_equal(np.asarray(Image.open(path)), np.asarray(PIXELS))
    assert [file.name for file in path.parent.iterdir()] == ["x.png"]


def test_same_content_same_bytes():
    turned = dict(reversed(RECORD.items()))
    assert picture_bytes(PIXELS, RECORD, "a") == picture_bytes(PIXELS.copy(), turned, "a")
    assert picture_bytes(PIXELS, RECORD, "a") != picture_bytes(PIXELS, {**RECORD, "epoch": 4}, "a")


def test_a_picture_with_the_record_of_another_is_refused(tmp_path):
    """Each is a whole PNG: an editor that keeps the text, or a file that was put together."""
    path = tmp_path / "x.png"
    write_picture(path, PIXELS, RECORD, "a")
    require_own_pixels(path)
    text = PngInfo()
    text.add_text("sprite_lora", Image.open(path).text["sprite_lora"])
    other = PIXELS.copy()
    other.putpixel((0, 0), (1, 2, 3))
    other.save(path, pnginfo=text)
    with pytest.raises(SpriteLoraError, match=r"x\.png is damaged: its pixels are not those of its record"):
        require_own_pixels(path)
    PIXELS.save(path)
    require_own_pixels(path)


@given(data=st.data())
@examples(100, 20_000)
def test_no_bit_of_a_picture_flips_unseen(tmp_path, data):
    """It is refused, or record and pixels are as they were."""
    path, content = tmp_path / "x.png", bytearray(picture_bytes(PIXELS, RECORD, "a"))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        require_own_pixels(path)
        record = read_record(path)
    except SpriteLoraError:
        return
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(PIXELS))
    assert record == {**RECORD, "pixels": pixels_hash(PIXELS)}


def test_picture_of_another_tool(tmp_path):
    text = PngInfo()
    text.add_text("parameters", BY_WEB_UI)
    PIXELS.save(tmp_path / "webui.png", pnginfo=text)
    PIXELS.save(tmp_path / "bare.png")
    assert read_record(tmp_path / "webui.png") is None
    assert read_web_ui(tmp_path / "webui.png").settings["Seed"] == "1234567890"
    assert read_record(tmp_path / "bare.png") is None
    assert read_web_ui(tmp_path / "bare.png") is None


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
DATA = chunk(b"IDAT", zlib.compress(b"\0\1\2\3"))
END = chunk(b"IEND", b"")


def test_text_behind_the_pixels_is_found(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(HEAD + DATA + chunk(b"tEXt", b"parameters\0hello") + END)
    assert read_texts(path) == {"parameters": "hello"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        (HEAD + DATA)[:30],
        HEAD[:-1] + b"x" + DATA + END,
        HEAD + chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * 50_000_000)) + DATA + END,
        HEAD + chunk(b"tEXt", b"sprite_lora\0{nonsense") + DATA + END,
        HEAD + chunk(b"tEXt", b"sprite_lora\0[1, 2]") + DATA + END,
        HEAD + chunk(b"tEXt", b"sprite_lora\0" + b"[" * 100_000) + DATA + END,
    ],
    ids=["empty", "no png", "cut off", "bad sum", "bomb", "no json", "no object", "deep"],
)
def test_broken_pictures_are_said_to_be(tmp_path, content):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(SpriteLoraError, match=r"x\.png"):
        read_record(path)


def test_absent_picture(tmp_path):
    with pytest.raises(SpriteLoraError, match=r"x\.png: does not exist"):
        read_record(tmp_path / "x.png")
