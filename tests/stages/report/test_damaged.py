"""Whatever stands in a report that the page is made from: the page, or one line that names the file and the key."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import load
from sprite_lora.results.report_params import Report
from stages.report.inputs import read_facts
from stages.report.page import page

FILES = (
    "reports/validate.json", "reports/plan.json", "reports/score.json", "reports/select.json",
    "outputs/selected/record.json", "outputs/finished/colours.json", "outputs/dataset/manifest.json",
)  # fmt: skip
DROPPED = object()
ODD: tuple[Any, ...] = (
    DROPPED, None, True, 0, -1, 10**30, 10**400, 0.5, 1e308, -1e308, float("nan"), float("inf"), "", "x", "../../x",
    "\0", "/dev/zero", "a" * 300, "\ud800", [], [None], {}, {"": None}, {"x": -1},
)  # fmt: skip


def places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key's path."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield (*above, key)
        yield from places(value, (*above, key))


def changed(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    whole = inner = copy.deepcopy(content)
    for key in place[:-1]:
        inner = inner[key]
    if value is DROPPED:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return whole


def made(name: str) -> None:
    """The page is made, or one line names the file."""
    try:
        page(read_facts(load(Report)), "title")
    except SpriteLoraError as error:
        message, *more = str(error.args[0]).splitlines()
        assert not more
        assert Path(name).name in message or "outputs/samples/" in message, message  # the pictures that it names


@given(st.data())
@examples(60, 5_000)
def test_any_value_in_the_place_of_any(run_folder: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    file = run_folder / name
    before = file.read_text(encoding="utf-8")
    content = json.loads(before)
    place = data.draw(st.sampled_from(list(places(content))))
    file.write_text(json.dumps(changed(content, place, data.draw(st.sampled_from(ODD)))))
    try:
        made(name)
    finally:
        file.write_text(before, encoding="utf-8")


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", "0", "NaN", "{", "[" * 100_000, '{"a": 1e999}', "\ud800"])
@pytest.mark.parametrize("name", FILES)
def test_another_file_in_its_place(run_folder: Path, name: str, content: str) -> None:
    (run_folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    made(name)


@pytest.mark.parametrize(
    "content", ["", "step\n1\n", "step\tloss\n1\tx\n", "step\tloss\n1\n", "\0\t\n", "step\tloss\n1\tnan\n"]
)
def test_any_curve(run_folder: Path, content: str) -> None:
    (run_folder / "reports/train/plots/metrics/loss.tsv").write_text(content)
    made("loss.tsv")
