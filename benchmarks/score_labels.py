"""Does the score agree with labels of real pictures, and what do attacks cost?

    python -m benchmarks.score_labels ../shared/real [caption version]

The folder holds images/ (the training sprites), captions/<version>/, outputs/ and rated/ with their tables; the labels
are benchmarks/labels/real.csv. The score is learned from all sprites for the labelled pictures, and with a fifth of the
sprites left out, in turn, for the attacks on those.
"""

import csv
import hashlib
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks import attacks
from benchmarks.score_real import CAPTIONS, right_order
from sprite_lora.art.grid import cell_colours
from sprite_lora.art.image_file import read_image
from sprite_lora.art.sprite import Pixels, composite, enlarge
from sprite_lora.core.params import load
from sprite_lora.dataset.named import named
from sprite_lora.scoring.judge import judge
from sprite_lora.scoring.ruler import Training, training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.verdict import Verdict
from sprite_lora.scoring.view import view

ART_PIXELS = 24
WHITE = (255, 255, 255)
LABELS = Path(__file__).parent / "labels/real.csv"
GOOD, BAD = 4, 2.5
"""Ratings from which, and up to which, a picture is."""
THINGS = ("hair", "eyes", "skin", "background")
FOLDS = 5

Row = dict[str, str]


def prompts(folder: Path) -> dict[str, tuple[Path, str]]:
    """SHA-256 of each picture to its file and prompt; a prompt is empty where none is known."""
    found = {}
    for path in sorted([*(folder / "outputs").rglob("*.png"), *(folder / "rated").glob("*.png")]):
        found[hashlib.sha256(path.read_bytes()).hexdigest()] = (path, "")
    for table, base in (("outputs.csv", folder / "outputs"), ("rated/rated.csv", folder / "rated")):
        for row in csv.DictReader((folder / table).open()):
            path = base / row["file"]
            prompt = row["prompt"] or (f"{row['background']} background" if row.get("background") else "")
            found[hashlib.sha256(path.read_bytes()).hexdigest()] = (path, prompt)
    return found


def correlation(first: list[float], second: list[float]) -> float:
    """Spearman's."""
    return float(spearmanr(first, second)[0])


def agreement(judged: list[tuple[Row, Verdict]]) -> None:
    """Of scores and ratings, over pictures of LoRAs on the grid and over the epochs of each run."""
    on = [(row, one) for row, one in judged if row["grid"] == "on" and row["epoch"]]
    scores, ratings = [one.score for _, one in on], [float(row["rating"]) for row, _ in on]
    good = [score for score, rating in zip(scores, ratings, strict=True) if rating >= GOOD]
    bad = [score for score, rating in zip(scores, ratings, strict=True) if rating <= BAD]
    print(f"{len(on)} pictures: rank correlation with the ratings {correlation(scores, ratings):.2f}")
    print(f"AUC, rated at least {GOOD} against at most {BAD}: {right_order(good, bad):.2f} ({len(good)}, {len(bad)})")
    for run in sorted({row["run"] for row, _ in on}):
        epochs: dict[float, list[tuple[float, float]]] = defaultdict(list)
        for (row, _), score, rating in zip(on, scores, ratings, strict=True):
            if row["run"] == run:
                epochs[float(row["epoch"])].append((score, rating))
        if len(epochs) > 2:
            means = {epoch: np.mean(values, axis=0) for epoch, values in sorted(epochs.items())}
            rated = [float(mean[1]) for mean in means.values()]
            print(
                f"  run {run}, {len(means)} epochs: {correlation([float(m[0]) for m in means.values()], rated):.2f}, "
                f"by the epoch's number {correlation(list(means), rated):.2f}"
            )


def things(judged: list[tuple[Row, Verdict]]) -> None:
    """Of the named things that are seen, how many answers are right."""
    print("\nthing       asked  seen  right   yes, and right   no, and right")
    for thing in THINGS:
        pairs = [
            (row[thing] == "as asked", answer.shows)
            for row, one in judged
            for answer in one.named
            if answer.thing == thing and row[thing] in ("as asked", "otherwise", "missing")
        ]
        seen = [(true, shows == "yes") for true, shows in pairs if shows not in ("unsure", "unseen")]
        yes, no = ([true for true, said in seen if said is wanted] for wanted in (True, False))
        right = share([true == said for true, said in seen])
        print(
            f"{thing:11} {len(pairs):5} {len(seen):5} {right:>6}   {len(yes):5} {share(yes):>7}"
            f"   {len(no):6} {share([not true for true in no]):>7}"
        )


def share(flags: list[bool]) -> str:
    """How many are true, in per cent; a dash where there are none."""
    return f"{np.mean(flags):.1%}" if flags else "-"


def spoiled(sprites: dict[str, Pixels], captions: dict[str, str], score: Score) -> None:
    """Attacks on sprites that were left out, against what these score themselves."""
    clean: list[float] = []
    found: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    names = list(sprites)
    for fold in range(FOLDS):
        left = names[fold::FOLDS]
        ruler = learn({name: cells for name, cells in sprites.items() if name not in left}, captions, score)

        def mark(cells: Pixels, prompt: str, ruler: Training = ruler) -> Verdict:
            drawn = cells if len(cells) > ART_PIXELS else enlarge(cells, 8)
            return judge(view(drawn, prompt, ART_PIXELS, score.tolerance), ruler, score)

        for number, name in enumerate(left):
            cells, caption = sprites[name], captions[name]
            random = np.random.default_rng(number)
            clean.append(mark(cells, "").score)
            before = mark(cells, caption).score
            for attack in (*attacks.WHOLE, *attacks.PARTS):
                one = mark(attack(cells, random), caption)
                found[attack.__name__].append((one.score, before - one.score, True))
            for thing, recolour in attacks.COLOURS.items():
                asked = named(caption, (thing,)).get(thing)
                changed = recolour(cells, asked.colours[-1]) if asked and asked.colours else None
                if changed is not None:
                    one = mark(changed, caption)
                    said = any(answer.thing == thing and answer.shows == "otherwise" for answer in one.named)
                    found[f"another {thing}"].append((one.score, before - one.score, said))
    print(f"\n{len(clean)} left-out sprites, without a prompt: {np.mean(np.array(clean) >= 8):.0%} score 8 or more")
    print("attack             sprites  mean  at most 5  loses 1 or more  AUC  named")
    for name, values in found.items():
        marks = np.array([mark for mark, _, _ in values])
        lost = np.mean([loss >= 1 for _, loss, _ in values])
        print(
            f"{name:18} {len(marks):7} {marks.mean():5.2f} {np.mean(marks <= 5):10.0%} {lost:16.0%} "
            f"{right_order(clean, marks.tolist()):5.2f} {np.mean([said for _, _, said in values]):6.0%}"
        )


def learn(sprites: dict[str, Pixels], captions: dict[str, str], score: Score) -> Training:
    """From cells and captions by stem."""
    views = [view(cells, captions[stem], ART_PIXELS, score.tolerance) for stem, cells in sprites.items()]
    return training(list(sprites), views, score)


def main() -> None:
    folder, version = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else CAPTIONS
    score = load(Score)
    sprites = {
        file.stem: cell_colours(composite(read_image(file), WHITE), ART_PIXELS)
        for file in sorted((folder / "images").glob("*.png"))
    }
    captions = {stem: (folder / f"captions/{version}/{stem}.txt").read_text().strip() for stem in sprites}
    ruler, places = learn(sprites, captions, score), prompts(folder)
    judged = []
    for row in csv.DictReader(LABELS.open()):
        path, prompt = places[row["sha256"]]
        pixels = composite(read_image(path), WHITE)
        judged.append((row, judge(view(pixels, prompt, ART_PIXELS, score.tolerance), ruler, score)))
    agreement(judged)
    things(judged)
    spoiled(sprites, captions, score)


if __name__ == "__main__":
    main()
