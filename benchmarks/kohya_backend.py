"""sd-scripts itself under `dvc repro`: all eight stages on four sprites, and a training that is stopped and goes on.

    python -m benchmarks.kohya_backend --checkout FOLDER [--checkout FOLDER] --base FOLDER [--keep FOLDER] [--no-stop]

FOLDER is a checkout as `sprite-lora kohya install` makes it; the base a model of SD1.5's size, such as
`benchmarks.kohya_file` makes of random weights. For each checkout: a clone of the working tree with four sprites, two
epochs of two steps at 192 px, two prompts, two denoising steps, everything by `dvc repro`. Then the training alone
again, stopped by SIGTERM after its first epoch, and gone on: its losses stand beside those of the first run. Prints a
line per check and exits 1 where one fails. A quarter of an hour to a half a checkout on two cores, 12 GB of memory.
"""

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.clone import clone, environment
from sprite_lora.core.header import read_header
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.kohya.sd_scripts import PLACE
from sprite_lora.lora.file import model_hash

SPRITES = 4
TRAIN = {
    "backend": "kohya", "output_name": "k", "network_dim": 4, "network_alpha": 2.0, "conv_dim": None,
    "conv_alpha": None, "train_batch_size": 2, "max_train_epochs": 2, "learning_rate": 1e-4,
    "text_encoder_lr": 5e-5, "min_snr_gamma": 5.0, "loss_type": "huber", "huber_c": 0.2,
    "kohya_args": {"metadata_author": "nobody"},
}  # fmt: skip
NAMES = ("k-000001.safetensors", "k.safetensors")


def project(target: Path, base: Path) -> Path:
    """A clone with four sprites and a short training by kohya."""
    clone(target, **TRAIN)
    for folder in ("data", "captions"):
        for path in sorted((target / folder).iterdir())[SPRITES:]:
            path.unlink()
    file = target / "params.yaml"
    params = yaml.safe_load(file.read_text())
    (target / "models" / base.name).symlink_to(base.absolute())
    params["paths"]["base"] = f"models/{base.name}"
    params["package"] |= {"resolution": 192, "num_repeats": 1}
    params["sample"] |= {"steps": 2, "prompts": dict(list(params["sample"]["prompts"].items())[:2])}
    file.write_text(yaml.safe_dump(params, sort_keys=False))
    return target


def repro(folder: Path, checkout: Path, *stages: str) -> subprocess.Popen[bytes]:
    """`dvc repro` in a process group of its own; what it says goes to a file beside the project."""
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        return subprocess.Popen(
            ["dvc", "repro", *stages], cwd=folder, env={**environment(), PLACE: str(checkout.absolute())},
            start_new_session=True, stdout=log, stderr=log,
        )  # fmt: skip


def check(what: str, holds: bool) -> bool:
    print(f"{'ok  ' if holds else 'FAIL'}  {what}", flush=True)
    return holds


def losses(folder: Path) -> list[float]:
    with (folder / "reports/train/plots/metrics/loss.tsv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file, delimiter="\t")]


def whole_run(folder: Path, checkout: Path) -> list[bool]:
    """All eight stages, and what they left."""
    start = time.monotonic()
    code = repro(folder, checkout).wait()
    log = (folder.parent / f"{folder.name}.log").read_text()
    results = [check(f"dvc repro of all stages: exit code {code}, {time.monotonic() - start:.0f} s", code == 0)]
    if code:
        print(log[-6000:])
        return results
    out = folder / "outputs" / "checkpoints"
    for name in NAMES:
        metadata = read_header(out / name).metadata
        record = json.loads(metadata[METADATA_KEY])
        trainer = record["versions"]["sd-scripts"]
        keys = {
            key: metadata[key] for key in ("ss_loss_type", "ss_network_dim", "ss_epoch", "ss_sd_scripts_commit_hash")
        }
        results += [
            check(f"{name}: record of epoch {record['epoch']} by {trainer}; {keys}", keys["ss_loss_type"] == "huber"),
            check(f"{name}: sshs_model_hash is its tensors'", model_hash(out / name) == metadata["sshs_model_hash"]),
        ]
    picked = json.loads((folder / "reports/select.json").read_text())
    pictures = len(list((folder / "outputs/samples").rglob("*.png")))
    results.append(check(f"{pictures} pictures, selected: epoch {picked['epoch']}", pictures == 6))
    results.append(check(f"losses {losses(folder)}", len(losses(folder)) == 4))
    results.append(check("report.html", (folder / "reports/report.html").stat().st_size > 10_000))
    return results


def stopped_run(folder: Path, checkout: Path) -> list[bool]:
    """The training stopped after its first epoch, and gone on."""
    before = losses(folder)
    tensors = [model_hash(folder / "outputs/checkpoints" / name) for name in NAMES]
    shutil.rmtree(folder / "state")
    process = repro(folder, checkout, "-f", "-s", "train")
    weights = folder / "outputs/nothing"
    while process.poll() is None and not weights.exists():
        found = list(folder.glob("state/train/*/epochs/k-000001.safetensors"))
        weights = found[0] if found else weights
        time.sleep(1)
    os.killpg(process.pid, signal.SIGTERM)
    results = [check(f"stopped by SIGTERM after the first epoch: exit code {process.wait()}", process.returncode != 0)]
    first = model_hash(weights)
    code = repro(folder, checkout, "-f", "-s", "train").wait()
    log = (folder.parent / f"{folder.name}.log").read_text()
    said = next((line for line in log.splitlines() if line.startswith("resuming after")), "")
    after = [model_hash(folder / "outputs/checkpoints" / name) for name in NAMES] if not code else []
    results += [
        check(f"gone on: exit code {code}; {said}", code == 0 and bool(said)),
        check("the first epoch's file was kept", after[:1] == [first]),
    ]
    print(f"      losses of the undisturbed run {before}")
    print(f"      losses of the stopped run     {losses(folder)}")
    same = ["equal" if one == two else "different" for one, two in zip(tensors, after, strict=True)]
    print(f"      tensors of epochs 1 and 2 against the undisturbed run: {', '.join(same)}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, action="append", required=True, help="sd-scripts, with its .venv")
    parser.add_argument("--base", type=Path, required=True, help="a base model of SD1.5's size")
    parser.add_argument("--keep", type=Path, help="folder for the projects, kept; a temporary one when not given")
    parser.add_argument("--no-stop", action="store_true", help="leave out the training that is stopped")
    arguments = parser.parse_args()
    results: list[bool] = []
    with tempfile.TemporaryDirectory() as temporary:
        for checkout in arguments.checkout:
            print(f"== {checkout}", flush=True)
            folder = project((arguments.keep or Path(temporary)) / checkout.name, arguments.base)
            results += whole_run(folder, checkout)
            if all(results) and not arguments.no_stop:
                results += stopped_run(folder, checkout)
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
