"""Does the score agree with the eye? Judges real pictures, drawn by real LoRAs, whose quality is known.

    python -m benchmarks.score_real ../shared/real

The folder holds images/ (the training sprites), their captions and outputs/ with outputs.csv (run, epoch, prompt).
Prints every picture with what took points from it, the mean score per run and per epoch, and how many pairs of a LoRA's
picture and one that is off the grid or black are in the right order: by this score, and by two measures in common use.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from sprite_lora.art.grid import cell_colours
from sprite_lora.art.image_file import read_image
from sprite_lora.art.sprite import Pixels, composite, enlarge
from sprite_lora.core.params import load
from sprite_lora.scoring.judge import judge, judge_epoch
from sprite_lora.scoring.ruler import Training, training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.verdict import Verdict
from sprite_lora.scoring.view import view

ART_PIXELS = 24
WHITE = (255, 255, 255)
CAPTIONS = "2025-11-10T1714"
"""The version of the captions that the score learns from."""

LORAS = ("perfect", "fixed")
"""Runs whose pictures are sprites, good and less good."""


def learn(folder: Path, score: Score) -> tuple[Training, list[Verdict]]:
    """The ruler, and the training sprites' own verdicts at 8 pixels per cell."""
    files = sorted((folder / "images").glob("*.png"))
    cells = [cell_colours(composite(read_image(file), WHITE), ART_PIXELS) for file in files]
    captions = [(folder / f"captions/{CAPTIONS}/{file.stem}.txt").read_text().strip() for file in files]
    views = [view(c, caption, ART_PIXELS, score.tolerance) for c, caption in zip(cells, captions, strict=True)]
    ruler = training([file.stem for file in files], views, score)
    return ruler, [judge(view(enlarge(c, 8), "", ART_PIXELS, score.tolerance), ruler, score) for c in cells]


def few_colours(pixels: Pixels) -> float:
    """Peer: fewer different colours are better (pixel-art evaluators with colour count bands)."""
    return -float(len(np.unique(pixels.reshape(-1, 3), axis=0)))


def uniform_blocks(pixels: Pixels) -> float:
    """Peer: share of cells whose inner 60 % is exactly one colour (m4bwav/pixelwright)."""
    position = (np.arange(len(pixels)) + 0.5) * ART_PIXELS / len(pixels)
    blocks = [np.flatnonzero((position.astype(int) == cell) & (abs(position % 1 - 0.5) <= 0.3)) for cell in range(24)]
    cells = (pixels[np.ix_(row, column)].reshape(-1, 3) for row in blocks for column in blocks)
    return float(np.mean([len(np.unique(cell, axis=0)) == 1 for cell in cells]))


def right_order(good: list[float], bad: list[float]) -> float:
    """Share of pairs in which the good one has the higher value; a draw counts half (the area under the ROC curve)."""
    return float(np.mean([(a > b) + 0.5 * (a == b) for a in good for b in bad]))


def main() -> None:
    folder = Path(sys.argv[1])
    score = load(Score)
    ruler, sprites = learn(folder, score)
    marks = np.array([sprite.score for sprite in sprites])
    print(f"training sprites: mean {marks.mean():.2f}, worst {marks.min():.2f}, {ruler.copy_limits.plain:.3f}")
    runs: dict[str, list[Verdict]] = defaultdict(list)
    epochs: dict[tuple[str, int], list[Verdict]] = defaultdict(list)
    print("\nscore  copies nearest  cost (points of 10 that each metric alone would take)")
    peers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (folder / "outputs.csv").open() as table:
        for row in csv.DictReader(table):
            prompt = row["prompt"] or (f"{row['background']} background" if row["background"] else "")
            pixels = composite(read_image(folder / "outputs" / row["file"]), WHITE)
            verdict = judge(view(pixels, prompt, ART_PIXELS, score.tolerance), ruler, score)
            runs[row["run"]].append(verdict)
            side = "good" if row["run"] in LORAS else "bad"
            for name, value in (
                ("this score", verdict.score),
                ("few colours", few_colours(pixels)),
                ("uniform blocks", uniform_blocks(pixels)),
            ):
                peers[name][side].append(value)
            if row["epoch"]:
                epochs[row["run"], int(row["epoch"])].append(verdict)
            cost = {name: 10 * score.lost.of(name) * (1 - worth) for name, worth in verdict.qualities.items()}
            listed = " ".join(f"{name} {points:.1f}" for name, points in cost.items() if points >= 0.25)
            print(f"{verdict.score:5.2f}  {verdict.copies:5.2f}  {verdict.nearest:5.2f}   {row['file']}: {listed}")
    print("\nrun            pictures  mean score")
    for run, verdicts in runs.items():
        print(f"{run:14} {len(verdicts):8}  {np.mean([v.score for v in verdicts]):.2f}")
    print("\nrun        epoch  score  pictures  worst  error  copies  sameness")
    for (run, epoch), verdicts in epochs.items():
        mark = judge_epoch(verdicts, ruler, score)
        figures = (mark.score, mark.pictures, mark.worst, mark.error, *mark.faults.values())
        print(f"{run:10} {epoch:5}  " + "  ".join(f"{figure:6.2f}" for figure in figures))
    print("\npairs in the right order, a LoRA's sprite before a picture off the grid or black:")
    for name, values in peers.items():
        print(f"{name:15} {right_order(values['good'], values['bad']):6.1%}")


if __name__ == "__main__":
    main()
