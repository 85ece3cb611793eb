"""No silent staleness: what a stage imports and reads is what dvc.yaml says that it depends on."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = ["validate", "package", "train", "sample", "score", "select", "finish", "report"]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())


def code_deps(stage: str) -> list[Path]:
    return [ROOT / dep for dep in PIPELINE["stages"][stage]["deps"] if dep.startswith("stages/")]


def declared_params(stage: str) -> list[str]:
    """Keys as dvc.yaml lists them; a file without a list means every section."""
    everything = list(yaml.safe_load((ROOT / "params.yaml").read_text()))
    listed = PIPELINE["stages"][stage].get("params", [])
    return [key for entry in listed for key in ([entry] if isinstance(entry, str) else everything)]


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_a_stage_loads_lies_under_its_deps(stage):
    """The stage's whole room is imported in a fresh process, imports inside of functions included."""
    room = ROOT / "stages" / stage
    modules = [f"stages.{stage}.{path.stem}" for path in sorted(room.glob("*.py"))]
    inner = sorted({name for path in room.glob("*.py") for name in _imports_inside(path)})
    program = (
        "import importlib, json, sys\n"
        f"for name in {modules + inner!r}: importlib.import_module(name)\n"
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith('stages.') and m.__file__]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    deps = code_deps(stage)
    for file in map(Path, json.loads(done.stdout)):
        assert any(file == dep or dep in file.parents for dep in deps), (
            f"dvc.yaml: {stage} loads {file.name} without a dep"
        )


def _imports_inside(path: Path) -> list[str]:
    """`stages.*` modules named by import statements anywhere in a file, functions included."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stages"):
            as_module = [f"{node.module}.{alias.name}" for alias in node.names]
            is_file = [ROOT / (name.replace(".", "/") + ".py") for name in as_module]
            names += [name for name, file in zip(as_module, is_file, strict=True) if file.exists()] or [node.module]
    return names


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_exist_and_are_needed(stage):
    """A dep that nothing loads would re-run a stage for nothing."""
    room = ROOT / "stages" / stage
    for dep in code_deps(stage):
        assert dep.exists(), dep
    nouns = {dep.stem for dep in code_deps(stage) if dep.is_file()}
    reached = _reached(sorted(room.glob("*.py")))
    assert nouns <= {path.stem for path in reached}, (
        f"{stage}: {nouns - {path.stem for path in reached}} are not imported"
    )


def _reached(start: list[Path]) -> set[Path]:
    seen: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        waiting += [ROOT / (name.replace(".", "/") + ".py") for name in _imports_inside(path)]
    return seen


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "validate"])
def test_every_param_that_a_stage_reads_is_declared(stage, short_run):
    """From the real run: each stage process noted the keys that it read."""
    traces = list((short_run.root / ".git" / "trace").glob(f"{stage}-*.json"))
    assert traces, f"no process of {stage} was traced"
    read = {key for trace in traces for key in json.loads(trace.read_text())}
    free = {
        key for key in read if key.startswith("paths.")
    }  # templated into deps and outs, so part of the stage itself
    declared = declared_params(stage)
    escaped = {key for key in read - free if key not in declared and key.split(".")[0] not in declared}
    assert not escaped, f"dvc.yaml: {stage} reads {sorted(escaped)} without declaring it"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in ("validate", "train", "report")])
def test_every_declared_param_is_read(stage, short_run):
    """A declared key that nothing reads would re-run a stage for nothing."""
    read = {
        key
        for trace in (short_run.root / ".git" / "trace").glob(f"{stage}-*.json")
        for key in json.loads(trace.read_text())
    }
    for key in declared_params(stage):
        assert any(name == key or name.startswith(f"{key}.") for name in read), f"{stage} never reads {key}"


def test_no_param_escapes_the_pipeline():
    """Each section is a dep of its own stage, so that no knob changes a result without re-running it."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section in params:
        stages = [stage for stage in STAGES if section in declared_params(stage)]
        assert stages, section
        assert section == "paths" or section in stages


def test_each_path_is_used_by_the_pipeline_or_lies_outside_of_it():
    text = (ROOT / "dvc.yaml").read_text()
    for key in yaml.safe_load((ROOT / "params.yaml").read_text())["paths"]:
        assert (f"${{paths.{key}}}" in text) != (key in {"state", "logs"}), key


def test_byte_code_makes_nothing_stale(project):
    """Python writes __pycache__ into the deps while a stage runs."""
    assert list((project.root / "stages").rglob("__pycache__")), "the run wrote no byte code: this test shows nothing"
    assert "up to date" in project.run("dvc", "status").stdout


def test_base_files_that_draw_nothing_are_no_deps(project):
    from stages.record import NO_WEIGHTS

    for suffix in NO_WEIGHTS:
        (project.root / "models/nano" / f"note{suffix}").write_text("changes nothing")
    assert "up to date" in project.run("dvc", "status").stdout


def test_hand_written_ignores_cover_every_cached_output(short_run):
    for stage in PIPELINE["stages"].values():
        for out in stage.get("outs", []):
            if isinstance(out, str):
                path = "outputs/" + out.split(".")[-1].rstrip("}")
                ignored = short_run.run("git", "check-ignore", "-v", path).stdout
                assert ignored.startswith(".gitignore:"), f"{path}: not in the hand-written .gitignore"
