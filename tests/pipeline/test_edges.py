"""No silent staleness: what a stage imports and reads is what dvc.yaml says that it depends on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from places import ROOT

from sprite_lora.core.code import stage_code
from sprite_lora.core.params import Paths
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.results.captions import CaptionTexts
from sprite_lora.results.finished import FinishedColours
from sprite_lora.results.plan import Plan
from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.scores import Scores
from sprite_lora.results.selection import SelectedRecord, Selection, SelectSummary
from sprite_lora.results.validation import Validation
from stages.validate.settings import SECTIONS

STAGES = ["validate", "package", "train", "sample", "score", "select", "finish", "report"]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())


def declared_params(stage: str) -> list[str]:
    """Keys as dvc.yaml lists them; a file without a list means every section."""
    everything = list(yaml.safe_load((ROOT / "params.yaml").read_text()))
    listed = PIPELINE["stages"][stage].get("params", [])
    return [key for entry in listed for key in ([entry] if isinstance(entry, str) else everything)]


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_a_stage_loads_is_in_its_code(stage):
    """All modules of the stage's folder, and all that they import late, loaded in a fresh process."""
    code = stage_code(stage)
    named = [name for name in code if "/" not in name and name != "Snakefile" and not name.endswith("__main__")]
    program = (
        "import importlib, json, sys\n"
        f"for name in {[*named, f'stages.{stage}.__main__']!r}: importlib.import_module(name)\n"
        "ours = {n: m for n, m in sys.modules.items() if n.startswith(('stages', 'sprite_lora'))}\n"
        "print(json.dumps({name: module.__file__ for name, module in ours.items() if module.__file__}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    faces = {name for name, file in json.loads(done.stdout).items() if file.endswith("__init__.py")}
    assert set(json.loads(done.stdout)) - faces <= set(code)


def test_each_stage_depends_on_its_code():
    for stage in STAGES:
        assert PIPELINE["stages"][stage]["deps"][0] == f"reports/code/{stage}.json"
    written = {next(iter(out)) for out in PIPELINE["stages"]["code"]["outs"]}
    assert written == {f"reports/code/{stage}.json" for stage in STAGES}


def test_the_pipeline_writes_where_the_code_says():
    outs = [out if isinstance(out, str) else next(iter(out)) for s in PIPELINE["stages"].values() for out in s["outs"]]
    places = {value.as_posix() for name, value in vars(Paths).items() if isinstance(value, Path)}
    assert {out for out in outs if out.startswith("outputs/")} == {place for place in places if "outputs" in place}
    assert all(out.startswith(("outputs/", "reports/")) for out in outs)


def test_results_lie_where_their_stage_writes_and_no_table_is_read():
    results = (
        Validation,
        CaptionTexts,
        Plan,
        Manifest,
        Scores,
        Selection,
        SelectedRecord,
        SelectSummary,
        FinishedColours,
    )
    for result in results:
        stage = PIPELINE["stages"][result.stage]
        written = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"] + stage.get("metrics", [])]
        assert any(result.place.is_relative_to(out) for out in written), result.place
    for stage in STAGES:
        assert not [dep for dep in PIPELINE["stages"][stage]["deps"] if dep.endswith(".csv")]


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "validate"])
def test_every_param_that_a_stage_reads_is_declared(stage, short_run):
    """From the real run: each stage process noted the keys that it read."""
    traces = list((short_run.root / ".git" / "trace").glob(f"{stage}-*.json"))
    assert traces, f"no process of {stage} was traced"
    read = {key for trace in traces for key in json.loads(trace.read_text())}
    # Paths are templated into deps and outs, so part of the stage itself; on `logs` no result depends.
    free = {key for key in read if key.startswith(("paths.", "logs."))}
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
        assert section in ("paths", "logs") or section in stages


def test_settings_of_the_logs_make_no_training_stale():
    """They are read by `train` and change nothing that it writes: previews' tests hold the bytes to it."""
    assert [stage for stage in STAGES if "logs" in declared_params(stage)] == ["validate", "report"]


def test_a_key_that_the_pipeline_names_has_no_default():
    """DVC stops at a key that params.yaml lacks, so the section must refuse it first, with its line."""
    sections = {section.key: section for section in SECTIONS}
    for stage in PIPELINE["stages"]:
        for name, _, key in (entry.partition(".") for entry in declared_params(stage)):
            if key:
                assert sections[name].model_fields[key.split(".")[0]].is_required(), f"{stage}: {name}.{key}"


def test_each_path_is_used_by_the_pipeline():
    """But where libraries cache, on which no result depends."""
    text = (ROOT / "dvc.yaml").read_text()
    keys = {*yaml.safe_load((ROOT / "params.yaml").read_text())["paths"]}
    assert {key for key in keys if f"${{paths.{key}}}" not in text} == {"caches"}


def test_an_answer_of_people_concerns_the_selection_and_nothing_before_it(project):
    Ratings().with_all((Rating.of("a" * 64, "b" * 64, None, "me"),)).write(project.root)
    (project.root / "ratings/.ratings.json.x.tmp").write_text("what a killed process was writing")
    changed = json.loads(project.run("dvc", "status", "--json").stdout)
    assert changed == {"select": [{"changed deps": {"ratings": "modified"}}]}


def test_byte_code_makes_nothing_stale(project):
    """Python writes __pycache__ into the deps while a stage runs."""
    assert list((project.root / "sprite_lora").rglob("__pycache__")), (
        "the run wrote no byte code: this test shows nothing"
    )
    assert "up to date" in project.run("dvc", "status").stdout


def test_base_files_that_draw_nothing_are_no_deps(project):
    """Cards, code, and what downloads leave: no stage runs again for them, and the base's hash is the same."""
    from sprite_lora.core.record import LEFTOVERS, NO_WEIGHTS, base_hash

    nano = project.root / "models/nano"
    before = base_hash(nano)
    for suffix in (*NO_WEIGHTS, *LEFTOVERS):
        (nano / f"note{suffix}").write_text("changes nothing")
        (nano / "unet" / f"note{suffix}").write_text("changes nothing")
    for name in (".gitattributes", ".cache/huggingface/.gitignore", ".cache/huggingface/download/x.metadata"):
        (nano / name).parent.mkdir(parents=True, exist_ok=True)
        (nano / name).write_text("changes nothing")
    assert "up to date" in project.run("dvc", "status").stdout
    assert base_hash(nano) == before


def test_git_takes_lists_and_no_weights(short_run):
    """A folder that somebody downloaded by hand is not committed by accident, with gigabytes."""
    weights = ("unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin", "v1-5.ckpt", "x/m.onnx")
    left = (".cache/huggingface/.gitignore", "unet/x.safetensors.incomplete", ".gitattributes")
    for name in (*weights, *left):
        path = f"models/sd15/{name}"
        assert short_run.run("git", "check-ignore", path, check=False).stdout.strip() == path
    for name in ("weights.json", "model_index.json", "unet/model.safetensors.header.json", "tokenizer/merges.txt"):
        assert short_run.run("git", "check-ignore", f"models/sd15/{name}", check=False).returncode == 1
    assert short_run.run("git", "check-ignore", "models/nano/new.safetensors", check=False).returncode == 1


def test_hand_written_ignores_cover_every_cached_output(short_run):
    for stage in PIPELINE["stages"].values():
        for out in stage.get("outs", []):
            if isinstance(out, str):
                ignored = short_run.run("git", "check-ignore", "-v", out).stdout
                assert ignored.startswith(".gitignore:"), f"{out}: not in the hand-written .gitignore"
