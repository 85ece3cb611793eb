import json

import pytest
from pydantic import ValidationError

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.manifest import MANIFEST, Item, Manifest, read_manifest, unsafe

ITEM = Item(stem="a", caption="x", sprite_sha256="1", caption_sha256="2", snapped_pixels=0)
SET = Manifest(
    folder="2_punk", name="punk", num_repeats=2, resolution=192, art_pixels=24, background="#ffffff",
    sprites_sha256="3", captions_sha256="4", items=(ITEM,),
)  # fmt: skip


def test_round_trip(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps(SET.model_dump()))
    assert read_manifest(tmp_path) == SET


def test_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        SET.name = "other"


@pytest.mark.parametrize("content", ["", "[]", '{"folder": 1}', json.dumps({**SET.model_dump(), "more": 1})])
def test_other_content_is_one_clear_error(tmp_path, content):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(SpriteLoraError, match="manifest"):
        read_manifest(tmp_path)


def test_absent(tmp_path):
    with pytest.raises(SpriteLoraError, match="dvc repro package"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("stem", ["lad_001", "Blodwen 2", "a.b-c_d", "née", "日本", "a(1)", "x+y"])
def test_names_that_any_tool_takes(stem):
    assert unsafe(stem) is None


@pytest.mark.parametrize(
    "stem",
    [
        "a\nb",
        "a/b",
        "..",
        ".hidden",
        "-rf",
        "a*",
        "a?",
        "a:b",
        'a"',
        "a|b",
        "a ",
        " a",
        "a.",
        "con",
        "LPT1",
        "nul.x",
        "a\udcff",
        "a\\b",
        "a[1]",
        "a\u202eb",
        "",
    ],
)
def test_names_that_some_trip_over(stem):
    assert unsafe(stem)
