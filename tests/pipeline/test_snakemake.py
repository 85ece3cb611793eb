"""The Snakefile as a person calls it, without DVC, on two LoRA files made here over the embedded base."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
import yaml
from PIL import Image
from places import ROOT

from sprite_lora.bases.base_model import load_base
from sprite_lora.lora.file import write_lora
from sprite_lora.lora.network import LoRANetwork, ranks_for
from sprite_lora.results.picture import read_record
from stages.sample.shards import planned

PATIENCE = 240
"""Seconds after which a test that waits for an event gives up."""

IN_2035 = 2_051_222_400
"""Seconds since 1970."""

SAMPLE = ("snakemake", "--cores", "1", "sample_epoch")
MANIFEST = {
    "folder": "1_punk",
    "name": "punk",
    "num_repeats": 1,
    "resolution": 192,
    "art_pixels": 24,
    "background": "#ffffff",
    "sprites_sha256": "",
    "captions_sha256": "",
    "items": [],
}


@pytest.fixture(scope="module")
def loras() -> list[tuple[dict[str, torch.Tensor], dict[str, str]]]:
    base = load_base(ROOT / "models" / "nano")
    made = []
    for epoch in (1, 2):
        network = LoRANetwork(base, ranks_for(base, 2, 2.0), seed=epoch)
        tensors = {
            name: tensor + 0.05 if "lora_up" in name else tensor for name, tensor in network.state_dict().items()
        }
        made.append((tensors, {"ss_epoch": str(epoch)}))
    return made


@pytest.fixture
def drawable(fresh, loras):
    """A clone with what `package` and `train` leave."""
    for name, (tensors, metadata) in zip(("punk-000001", "punk"), loras, strict=True):
        write_lora(fresh.root / f"outputs/checkpoints/{name}.safetensors", tensors, metadata)
    (fresh.root / "outputs/dataset").mkdir(parents=True)
    (fresh.root / "outputs/dataset/manifest.json").write_text(json.dumps(MANIFEST))
    fresh.edit(train__output_name="punk")
    return fresh


def test_lint_and_format_pass_in_a_clean_clone(fresh):
    assert not (fresh.root / "outputs").exists()
    done = fresh.run("snakemake", "--lint")
    assert "Congratulations" in done.stdout + done.stderr
    fresh.run("snakefmt", "--check", "Snakefile")
    assert "profiles/default" in done.stderr, "the profile was not picked up"


def test_mistakes_get_one_clear_message(fresh):
    fresh.edit(train__output_name="punk")
    for arguments, message in [
        (
            (),
            "error: checkpoint outputs/checkpoints/punk-000001.safetensors does not exist, nor do 1 others\n"
            "  -> uv run dvc repro train\n",
        ),
        (
            ("--config", "epochs=2,7"),
            "epochs=2,7: no checkpoint of epoch 7; saved are 1, 2, and 0 is the untouched base",
        ),
    ]:
        done = fresh.run(*SAMPLE, *arguments, check=False)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr
    fresh.edit(sample__stepz=3)
    done = fresh.run(*SAMPLE, check=False)
    assert done.returncode == 1
    assert "unknown key `sample.stepz`; did you mean `steps`?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def pretender(tmp_path) -> dict[str, str]:
    """An environment in which `python` only notes its arguments and leaves an empty file for each picture.

    What Snakemake asks for is under test, not what is drawn. Epoch 2 fails when the file `fail` is there.
    """
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, yaml\n"
        "from pathlib import Path\n"
        "print('called', *sys.argv[1:-1], flush=True)  # less the hash of the code\n"
        "epochs = sys.argv[sys.argv.index('--epochs') + 1].split(',')\n"
        "if '2' in epochs and Path('fail').exists(): sys.exit('error: epoch 2 cannot be drawn')\n"
        "for epoch in epochs:\n"
        "    for name in yaml.safe_load(Path('params.yaml').read_text())['sample']['prompts']:\n"
        "        picture = Path(f'outputs/samples/epoch-{int(epoch):02d}/{name}.png')\n"
        "        picture.parent.mkdir(parents=True, exist_ok=True)\n"
        "        picture.touch()\n"
    )
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"}


def test_shards_draw_every_epoch_once_and_again_only_when_something_changes(drawable, pretender):
    done = drawable.run(*SAMPLE, "--config", "shards=2", **pretender)
    calls = [line for line in done.stdout.splitlines() if line.startswith("called")]
    assert sorted(calls) == [
        "called -m stages.sample --epochs 0 --shard 0 --keep",
        "called -m stages.sample --epochs 1,2 --shard 1 --keep",
    ]
    assert len(drawable.pictures()) == 6

    again = (*SAMPLE, "--dry-run", "--config", "shards=2")
    (drawable.root / "outputs/checkpoints/punk-000001.safetensors").touch()
    drawable.edit(train__learning_rate=1.0)
    assert "Nothing to be done" in drawable.run(*again).stdout
    drawable.edit(train__clip_skip=2)
    assert "params have changed" in drawable.run(*again).stdout
    drawable.edit(train__clip_skip=None)
    checkpoint = drawable.root / "outputs/checkpoints/punk.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1] + b"x")
    listed = drawable.run(*again).stdout
    assert "sample_shard_1" in listed
    assert "sample_shard_0" not in listed


def test_snakemake_reads_and_writes_what_dvc_says(drawable, pretender, monkeypatch):
    """Every input lies under a dep of DVC's stage, every output under its out."""
    params = yaml.safe_load((drawable.root / "params.yaml").read_text())
    stage = yaml.safe_load((drawable.root / "dvc.yaml").read_text())["stages"]["sample"]
    assert stage["cmd"] == " ".join(SAMPLE)

    def resolved(path: str) -> str:
        for key, value in params["paths"].items():
            path = path.replace(f"${{paths.{key}}}", value)
        return path.removeprefix("./")

    deps, outs = [resolved(dep) for dep in stage["deps"]], [resolved(out) for out in stage["outs"]]
    drawable.run(*SAMPLE, **pretender)
    rows = list(csv.DictReader(drawable.run(*SAMPLE, "--detailed-summary").stdout.splitlines(), delimiter="\t"))
    written = {row["output_file"] for row in rows}
    monkeypatch.chdir(drawable.root)
    (shard,) = planned({})
    read = {params["paths"][name] for name in ("base", "vae")} | {"outputs/dataset/manifest.json"}
    checkpoints = {name for name in shard.contents(None) if name.endswith(".safetensors")}
    assert len(written) == 6
    assert len(checkpoints) == 2
    assert all(any(path == dep or path.startswith(f"{dep}/") for dep in deps) for path in read | checkpoints)
    assert all(any(path.startswith(f"{out}/") for out in outs) for path in written)


@pytest.mark.slow
def test_dates_mean_nothing(drawable, pretender):
    """Of a base, a checkpoint or a manifest from a machine with another clock, or from an archive."""
    for name in ("models/nano", "outputs", "params.yaml", "Snakefile"):
        for path in [drawable.root / name, *(drawable.root / name).rglob("*")]:
            os.utime(path, (IN_2035, IN_2035))
    assert "called -m stages.sample" in drawable.run(*SAMPLE, **pretender).stdout
    assert len(drawable.pictures()) == 6
    again = (*SAMPLE, "--dry-run")
    assert "Nothing to be done" in drawable.run(*again).stdout
    checkpoint = drawable.root / "outputs/checkpoints/punk.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1] + b"x")
    os.utime(checkpoint, (0, 0))
    assert "params have changed" in drawable.run(*again).stdout, "what it holds counts, of whatever date"


def test_failing_stage_is_heard_on_the_terminal(drawable, pretender):
    (drawable.root / "fail").touch()
    done = drawable.run(*SAMPLE, check=False, **pretender)
    assert done.returncode == 1
    assert "error: epoch 2 cannot be drawn" in done.stdout
    assert "logs/sample/shard-0.log:\nerror: epoch 2 cannot be drawn" in done.stderr, "as from another machine"
    assert "error: epoch 2 cannot be drawn" in (drawable.root / "logs/sample/shard-0.log").read_text()
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_orphan_with_older_params_spoils_nothing(drawable, tmp_path):
    """Snakemake alone is killed, its sampler lives on; meanwhile the params change and the outputs are drawn anew.

    The orphan is held still until the second run says that it waits for it, so no machine is too slow or too fast.
    """
    drawable.edit(sample__steps=150)
    said = tmp_path / "said"
    runs = [_start(drawable, tmp_path / "first")]
    try:
        _wait_for(drawable.pictures, runs[0])
        children = psutil.Process(runs[0].pid).children(recursive=True)
        (orphan,) = [process for process in children if "stages.sample" in process.cmdline()]
        orphan.suspend()
        runs[0].kill()
        runs[0].wait()

        drawable.run("rm", "-r", "outputs/samples")  # as DVC does before it runs a stage
        drawable.edit(sample__steps=2)
        runs.append(_start(drawable, said))
        _wait_for(lambda: "is being drawn by another process; waiting" in said.read_text(), runs[1])
        orphan.resume()
        assert runs[1].wait(PATIENCE) == 0, said.read_text()
        assert not orphan.is_running()
    finally:
        for run in runs:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    files = [path for path in (drawable.root / "outputs/samples").rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        Image.open(path).load()
        assert read_record(path)["steps"] == 2


def _start(project, output: Path) -> subprocess.Popen:
    with output.open("w") as file:
        return subprocess.Popen(
            SAMPLE, cwd=project.root, env=project.environment(), stdout=file, stderr=file, start_new_session=True
        )


def _wait_for(condition, run: subprocess.Popen) -> None:
    """Until it holds; fails where the process ends before, or after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert run.poll() is None, "it ended too early"
        assert time.monotonic() < end, f"waited {PATIENCE} s"
        time.sleep(0.05)
