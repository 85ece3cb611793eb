"""Training several times as long as the default: does it get worse again, and is selection taken in by that?

    python -m benchmarks.nano_long [--times 3] [--every 2] [--strip FILE.png]

Runs `dvc repro` in a clone of the working tree in a temporary folder, with `train.max_train_epochs` so many times as
long and all else as in params.yaml. Prints the epochs' scores and what they are made of, how far the last one lies
below the best in standard errors over the prompts, and how the selected one compares with the last, which is what one
takes without a score. `--strip` keeps the picture of prompts by epochs. About ten minutes on two cores.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clone import clone, environment
from sprite_lora.core.params import load
from sprite_lora.kohya.train_params import Train
from sprite_lora.results.scores import EpochScore, Scores
from sprite_lora.results.selection import Selection
from stages.select.paired import differences

SHOWN = ("palette", "stray", "detail", "structure", "things", "copies")


def table(epochs: Sequence[EpochScore], selected: float) -> str:
    """A line per epoch: score, its standard error, and the parts that vary, each 0 to 1."""
    lines = ["epoch  score  error  " + "  ".join(f"{name:>10}" for name in SHOWN)]
    for epoch in epochs:
        parts = "  ".join(f"{epoch.metrics[name]:10.3f}" for name in SHOWN)
        mark = "  <- selected" if epoch.number == selected else ""
        lines.append(f"{epoch.number:5}  {epoch.score:5.2f}  {epoch.error:5.2f}  {parts}{mark}")
    return "\n".join(lines)


def verdict(epochs: Sequence[EpochScore], selected: float) -> tuple[str, bool]:
    """What the run shows, and whether it shows both: a decline, and a selection that is not taken in by it."""
    last, best = epochs[-1], max(epochs, key=lambda epoch: epoch.score)
    chosen = next(epoch for epoch in epochs if epoch.number == selected)
    fall, error = best.score - last.score, differences(best, last).error
    text = (
        f"epoch {last.number} lies {fall:.2f} below the best, epoch {best.number}"
        f" (standard error of the difference over the prompts: {error:.2f}; bound: above it)\n"
        f"selected: epoch {chosen.number}, {chosen.score:.2f} : {last.score:.2f} of the last one,"
        f" ratio {chosen.score / last.score:.2f} (bound: above 1)"
    )
    return text, fall > error and chosen.score > last.score


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="how many times as long")
    parser.add_argument("--every", type=int, default=2, help="epochs per checkpoint")
    parser.add_argument("--strip", type=Path, metavar="FILE.png", help="keep the picture of prompts by epochs")
    wanted = parser.parse_args()
    length = load(Train).max_train_epochs * wanted.times
    with tempfile.TemporaryDirectory() as scratch:
        project = clone(Path(scratch), max_train_epochs=length, save_every_n_epochs=wanted.every)
        subprocess.run(["dvc", "repro"], cwd=project, env=environment(), check=True)
        epochs = Scores.read(project).epochs
        selected = Selection.read(project).epoch
        if wanted.strip:
            command = [sys.executable, "-m", "stages.report", "--strip", str(wanted.strip.resolve())]
            subprocess.run(command, cwd=project, env=environment(), check=True)
    text, shown = verdict(epochs, selected)
    print(f"{table(epochs, selected)}\n{text}")
    sys.exit(0 if shown else 1)


if __name__ == "__main__":
    main()
