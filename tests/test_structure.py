"""The layers hold: which package may import which, no circles, and no file that should be two."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from places import ROOT

from sprite_lora.core import code

LONGEST = 300
"""Lines of a file."""

LIBRARY = ("core", "art", "dataset", "kohya", "bases", "lora", "scoring", "results")
"""Packages of the library. A package imports those to its left, and itself; the order is the only one that works."""


def modules(package: str) -> dict[str, Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in files}


def imported(path: Path) -> set[str]:
    return set(code.imports(path, ROOT))


def test_the_library_imports_neither_stages_nor_tools():
    for name, path in modules("sprite_lora").items():
        assert not {one for one in imported(path) if one.startswith(("stages", "tools", "demo"))}, name


def test_a_stage_imports_no_other_stage_and_no_tool():
    for name, path in modules("stages").items():
        own = ".".join(name.split(".")[:2])
        others = {one for one in imported(path) if one.startswith(("stages.", "tools")) and not one.startswith(own)}
        assert not others, name


def test_stages_are_the_eight():
    folders = {path.parent.name for path in (ROOT / "stages").glob("*/__init__.py")}
    assert folders == {"validate", "package", "train", "sample", "score", "select", "finish", "report"}


def test_the_librarys_packages_stand_in_one_order():
    folders = {path.parent.name for path in (ROOT / "sprite_lora").glob("*/__init__.py")}
    assert folders == set(LIBRARY)
    assert len(LIBRARY) <= 8
    for name, path in modules("sprite_lora").items():
        package = name.split(".")[1]
        used = {one.split(".")[1] for one in imported(path) if one.count(".") > 0}
        later = {one for one in used if package in LIBRARY and LIBRARY.index(one) > LIBRARY.index(package)}
        assert not later, f"{name} imports {later}"


def test_no_circle_of_imports():
    """graphlib raises CycleError, with the circle."""
    graph = {
        name: {one for one in imported(path) if one != name and not name.startswith(f"{one}.")}
        for package in ("sprite_lora", "stages")
        for name, path in modules(package).items()
        if path.name != "__init__.py"
    }
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


@pytest.mark.parametrize("package", ["sprite_lora", "stages", "tools", "demo", "benchmarks"])
def test_no_file_is_too_long(package):
    long = {name: n for name, path in modules(package).items() if (n := len(path.read_text().splitlines())) > LONGEST}
    assert not long


def test_pictures_are_opened_with_a_list_of_formats():
    """Without one Pillow tries all that it knows, whatever the file's name: EPS runs Ghostscript."""
    for package in ("sprite_lora", "stages", "tools"):
        for name, path in modules(package).items():
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
                    assert "formats" in {keyword.arg for keyword in node.keywords}, f"{name}:{node.lineno}"
