"""kill -9 at random moments of a training under `dvc repro`, and whether the result is that of an undisturbed run.

    python -m benchmarks.train_kills [--kills 20] [--seed 0]

Clones the working tree twice into a temporary folder, shortened to 12 sprites and 3 epochs, and runs `dvc repro train`
undisturbed in the one. In the other it is killed at moments drawn over the time that the first took, again and again:
by turns dvc alone (its trainer is then an orphan, beside which the next waits) and the whole process group. One last
`dvc repro train` ends it, with nothing cleaned by hand. Prints a line per kill and, at the end, the tensors' hashes of
both; exits 1 where they differ. About ten minutes on two cores.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.clone import clone, environment
from sprite_lora.lora.file import model_hash

KEPT = 12

EARLIEST = 0.3
"""Share of the whole time before which no kill falls: DVC and Python are still starting."""


def short(target: Path) -> Path:
    """A clone with 12 sprites and a short training, packaged."""
    clone(target, max_train_epochs=3, train_batch_size=2, save_state_every_n_steps=2)
    for folder in ("data", "captions"):
        for path in sorted((target / folder).iterdir())[KEPT:]:
            path.unlink()
    run(target, "package").wait()
    return target


def run(project: Path, stage: str) -> subprocess.Popen[bytes]:
    """`dvc repro <stage>` in a process group of its own."""
    log = (project.parent / f"{project.name}.log").open("wb")
    return subprocess.Popen(
        ["dvc", "repro", stage], cwd=project, env=environment(), start_new_session=True,
        stdout=log, stderr=log,
    )  # fmt: skip


def finish(project: Path) -> None:
    """Let `dvc repro train` end; show what it said and exit where it fails."""
    if run(project, "train").wait():
        print((project.parent / f"{project.name}.log").read_text())
        sys.exit(1)


def hashes(project: Path) -> dict[str, str]:
    return {path.name: model_hash(path) for path in sorted((project / "outputs" / "checkpoints").glob("*"))}


def progress(project: Path) -> str:
    """How far the state is."""
    folders = list((project / "state" / "train").glob("*/record.json"))
    if not folders:
        return "no state yet"
    state = folders[0].parent
    done = len(list((state / "epochs").glob("*.safetensors")))
    kind = "finished" if (state / "steps.json").exists() else "resumable" if (state / "resume.pt").exists() else "begun"
    return f"{done} epochs, {kind}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        whole, killed = short(Path(scratch) / "whole"), short(Path(scratch) / "killed")
        start = time.monotonic()
        finish(whole)
        length = time.monotonic() - start
        print(f"undisturbed: {length:.1f} s", flush=True)
        number = 0
        while number < arguments.kills:
            process = run(killed, "train")
            wait = moments.uniform(EARLIEST, 1.0) * length
            try:
                process.wait(wait)
                print("     it came to its end before it was killed; begun anew", flush=True)
                for folder in ("state", "outputs/checkpoints"):
                    shutil.rmtree(killed / folder, ignore_errors=True)
                continue
            except subprocess.TimeoutExpired:
                number += 1
            alone = number % 2 == 0
            os.kill(process.pid, signal.SIGKILL) if alone else os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            what = "dvc alone" if alone else "the group"
            print(f"{number:3}: kill -9 of {what} after {wait:5.1f} s: {progress(killed)}", flush=True)
        finish(killed)
        one, two = hashes(whole), hashes(killed)
        for name in one:
            print(f"{name}: {one[name][:16]} {two.get(name, 'missing')[:16]}")
    print("equal" if one == two else "DIFFERENT")
    sys.exit(0 if one == two else 1)


if __name__ == "__main__":
    main()
