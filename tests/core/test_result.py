"""A result's file: what is written is read back, and what is no such file gets one clear message."""

from pathlib import Path

import pytest
from pydantic import RootModel

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.result import Part, Result


class Leaf(Part):
    colour: str


class Tree(Result):
    place = Path("reports/tree.json")
    stage = "plant"

    height: float | None
    leaves: tuple[Leaf, ...]


class Heights(Result, RootModel[dict[str, float]], extra=None):
    place = Path("reports/heights.json")
    stage = "plant"


OAK = Tree(height=None, leaves=(Leaf(colour="grün"),))


def test_what_is_written_is_read(tmp_path):
    OAK.write(tmp_path)
    assert Tree.read(tmp_path) == OAK
    assert (tmp_path / Tree.place).read_text().endswith("}\n")
    heights = Heights({"oak": 12.5})
    heights.write(tmp_path)
    assert (tmp_path / Heights.place).read_text() == '{\n  "oak": 12.5\n}\n'
    assert Heights.read(tmp_path) == heights


def test_an_absent_file_names_the_stage_that_writes_it(tmp_path):
    with pytest.raises(SpriteLoraError, match=r"reports/tree\.json is missing\n.*dvc repro plant"):
        Tree.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"height": 1}', "leaves: Field required"),
        ('{"height": 1, "leaves": [], "root": 2}', "root: Extra inputs"),
        ('{"height": "tall", "leaves": [{}]}', r"height: .* and 1 more"),
        ('{"height": 1, "lea', "Invalid JSON"),
        ("\udcff", "Invalid JSON"),
    ],
)
def test_another_form_is_refused(tmp_path, content, said):
    path = tmp_path / Tree.place
    path.parent.mkdir()
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(SpriteLoraError, match=f"tree.json has another form than this version writes: .*{said}"):
        Tree.read(tmp_path)


def test_values_cannot_change():
    with pytest.raises(ValueError, match="frozen"):
        OAK.height = 1
