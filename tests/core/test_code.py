"""What a stage's code hash sees: what its modules do, wherever they are imported, and nothing else."""

import shutil
import subprocess

import pytest
from places import ROOT

from sprite_lora.bases import registry
from sprite_lora.core import code
from sprite_lora.kohya import backends

PENS = """
from sprite_lora.inks import REGISTRY

SHEET = "paper"

def pen(width):
    '''A pen.'''
    return width
"""

MODULES = {
    "stages/__init__.py": '"""Stages."""',
    "stages/draw/__init__.py": "",
    "stages/draw/__main__.py": "from sprite_lora import pens\n\ndef main():\n    import sprite_lora.late\n",
    "sprite_lora/__init__.py": '"""The library."""',
    "sprite_lora/pens.py": PENS,
    "sprite_lora/paper/white.txt": "white",
    "sprite_lora/late.py": "x = 1\n",
    "sprite_lora/inks.py": 'REGISTRY: dict[str, str] = {"red": "sprite_lora.red", "blue": "sprite_lora.blue"}\n',
    "sprite_lora/red.py": "from sprite_lora import oil\n",
    "sprite_lora/oil.py": "thick = True\n",
    "sprite_lora/blue.py": "thin = True\n",
    "sprite_lora/unused.py": "y = 1\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def fresh(tree, chosen=None):
    """The hashes as a new process sees them."""
    for cached in (code.imports, code.plug_ins, code.module_hash, code._tree):
        cached.cache_clear()
    return code.stage_code("draw", chosen, tree)


def edit(tree, name, old, new):
    path = tree / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_closure_holds_late_imports_data_and_plug_ins(tree):
    """Packages that are a docstring alone, and modules that nothing imports, are not in it."""
    assert list(fresh(tree)) == [
        "sprite_lora.blue", "sprite_lora.inks", "sprite_lora.late", "sprite_lora.oil", "sprite_lora.pens",
        "sprite_lora.red", "sprite_lora/paper/white.txt", "stages.draw.__main__",
    ]  # fmt: skip


def test_comments_docstrings_and_layout_do_not_count(tree):
    before = fresh(tree)
    edit(tree, "sprite_lora/pens.py", "'''A pen.'''", "'''Another text.'''  # a comment")
    edit(tree, "sprite_lora/pens.py", "return width", "return (\n        width\n    )")
    edit(tree, "sprite_lora/late.py", "x = 1", '"""New."""\n\nx = 1\n"""What x is."""')
    assert fresh(tree) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("sprite_lora/pens.py", "return width", "return -width"),
        ("sprite_lora/pens.py", "def pen(width)", "def pen(width=1)"),
        ("sprite_lora/late.py", "1", "1.0"),
        ("sprite_lora/late.py", "1", '"1"'),
        ("sprite_lora/oil.py", "True", "False"),
        ("sprite_lora/paper/white.txt", "white", "grey"),
    ],
)
def test_what_a_module_does_counts(tree, name, old, new):
    before = fresh(tree)
    edit(tree, name, old, new)
    after = fresh(tree)
    assert {key for key in before if before[key] != after[key]} in (
        {name},
        {name.removesuffix(".py").replace("/", ".")},
    )


def test_a_plug_in_that_is_not_chosen_does_not_count(tree):
    """Nor does its line in the registry: adding a family makes no old run stale."""
    before = fresh(tree, ["sprite_lora.red"])
    assert "sprite_lora.red" in before
    assert "sprite_lora.blue" not in before
    edit(tree, "sprite_lora/blue.py", "True", "False")
    edit(tree, "sprite_lora/inks.py", "}", ', "green": "sprite_lora.green"}')
    (tree / "sprite_lora/green.py").write_text("z = 1")
    assert fresh(tree, ["sprite_lora.red"]) == before
    assert "sprite_lora.green" in fresh(tree)


def test_a_comment_in_a_snakefile_does_not_count(tmp_path):
    path = tmp_path / "Snakefile"
    path.write_text('rule a:\n    output: "#x"\n')
    before = code.script_hash(path)
    path.write_text('# what it does\nrule a:  # a\n\n    output: "#x"  \n')
    assert code.script_hash(path) == before
    path.write_text('rule a:\n    output: "#y"\n')
    assert code.script_hash(path) != before


def test_data_of_the_project_is_in_its_closures():
    """Templates, architectures' configs, CLIP's merges: files that modules read."""
    report, train, validate = (code.stage_code(stage) for stage in ("report", "train", "validate"))
    assert "stages/report/templates/page.html" in report
    assert "sprite_lora/bases/families/sd_v1/unet/config.json" in train
    assert "sprite_lora/dataset/clip/merges.txt" in validate


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_another_python_spells_the_tree_alike(version):
    """A hash that differs would train anew for nothing."""
    found = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"no Python {version} here: uv python install {version}")
    program = "from sprite_lora.core.code import stage_code; print(stage_code('train'))"
    command = [found.stdout.strip(), "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{code.stage_code('train')}\n"


def test_the_backend_and_the_family_of_a_run_are_its_code_and_no_others():
    chosen = [*backends.chosen_code("native"), *registry.chosen_code(ROOT / "models/nano")]
    assert chosen == ["stages.train.native.training", "sprite_lora.bases.families.sd1"]
    native, none = code.stage_code("train", chosen), code.stage_code("train", [])
    assert {
        "stages.train.native.run",
        "stages.train.native.objective",
        "sprite_lora.bases.families.sd1",
    } <= native.keys() - none.keys()
    assert "sprite_lora.bases.families.sdxl" not in native


def test_a_stage_that_reads_the_name_of_a_backend_does_not_run_its_code():
    """validate and sample import the section `train`, which names the backends; training is another stage's code."""
    for stage in ("validate", "sample", "report"):
        counted = code.stage_code(stage)
        assert "sprite_lora.kohya.backends" in counted
        assert not [module for module in counted if module.startswith("stages.train")]


@pytest.fixture
def copy_of_code(tmp_path):
    for package in ("sprite_lora", "stages"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_new_backend_is_no_code_of_older_runs(copy_of_code):
    """Its line in the registry and its module: neither native's hash nor any other stage's moves."""
    chosen = ["stages.train.native.training", "sprite_lora.bases.families.sd1"]
    stages = ("validate", "train", "sample", "report")
    before = [code.stage_code(stage, chosen if stage == "train" else None, copy_of_code) for stage in stages]
    backends_file = copy_of_code / "sprite_lora/kohya/backends.py"
    text = backends_file.read_text()
    assert '    "native": ' in text
    backends_file.write_text(text.replace('    "native": ', '    "other": "stages.train.other",\n    "native": '))
    (copy_of_code / "stages/train/other.py").write_text("print('trains')\n")
    for cached in (code.imports, code.plug_ins, code.module_hash, code._tree):
        cached.cache_clear()
    assert [code.stage_code(stage, chosen if stage == "train" else None, copy_of_code) for stage in stages] == before
    assert "stages.train.other" in code.stage_code("train", ["stages.train.other"], copy_of_code)
