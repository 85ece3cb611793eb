"""Does the score agree with the eye? Judges real pictures, drawn by real LoRAs, whose quality is known.

    python benchmarks/score_real.py ../shared/real

The folder holds images/ (the training sprites) and outputs/ with outputs.csv (run, epoch, prompt).
Prints the mean score per run, per epoch of the LoRA runs, and every picture with what took points from it.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from stages.grid import cell_colours
from stages.params import load
from stages.score.judge import Verdict, judge, judge_epoch
from stages.score.params import Score
from stages.score.training import Training, training
from stages.score.view import view
from stages.sprite import composite, enlarge, read_sprite

ART_PIXELS = 24
WHITE = (255, 255, 255)


def learn(folder: Path, score: Score) -> tuple[Training, list[Verdict]]:
    """The ruler, and the training sprites' own verdicts at 8 pixels per cell."""
    files = sorted((folder / "images").glob("*.png"))
    cells = [cell_colours(composite(read_sprite(file), WHITE), ART_PIXELS) for file in files]
    ruler = training([file.stem for file in files], [view(c, "", ART_PIXELS, score.tolerance) for c in cells], score)
    return ruler, [judge(view(enlarge(c, 8), "", ART_PIXELS, score.tolerance), ruler, score) for c in cells]


def main() -> None:
    folder = Path(sys.argv[1])
    score = load(Score)
    ruler, sprites = learn(folder, score)
    marks = np.array([sprite.score for sprite in sprites])
    print(f"training sprites: mean {marks.mean():.2f}, worst {marks.min():.2f}, copy limit {ruler.copy_limit:.3f}")
    runs: dict[str, list[Verdict]] = defaultdict(list)
    epochs: dict[tuple[str, int], list[Verdict]] = defaultdict(list)
    print("\nscore  copied nearest  cost (points of 10 that each metric alone would take)")
    with (folder / "outputs.csv").open() as table:
        for row in csv.DictReader(table):
            prompt = row["prompt"] or (f"{row['background']} background" if row["background"] else "")
            pixels = composite(read_sprite(folder / "outputs" / row["file"]), WHITE)
            verdict = judge(view(pixels, prompt, ART_PIXELS, score.tolerance), ruler, score)
            runs[row["run"]].append(verdict)
            if row["epoch"]:
                epochs[row["run"], int(row["epoch"])].append(verdict)
            lost = score.lost.model_dump()
            cost = {name: 10 * lost[name] * (1 - worth) for name, worth in verdict.worth.items()}
            told = " ".join(f"{name} {points:.1f}" for name, points in cost.items() if points >= 0.25)
            print(f"{verdict.score:5.2f}  {verdict.copied:5.2f}  {verdict.nearest:5.2f}   {row['file']}: {told}")
    print("\nrun            pictures  mean score")
    for run, verdicts in runs.items():
        print(f"{run:14} {len(verdicts):8}  {np.mean([v.score for v in verdicts]):.2f}")
    print("\nrun        epoch  score  pictures  worst  error  copied  sameness")
    for (run, epoch), verdicts in epochs.items():
        mark = judge_epoch(verdicts, ruler, score)
        print(f"{run:10} {epoch:5}  " + "  ".join(f"{mark[key]:6.2f}" for key in list(mark)[:6]))


if __name__ == "__main__":
    main()
