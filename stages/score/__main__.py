"""Score every picture and every epoch, 0 to 10, against the training sprites.

Reads   outputs/samples/epoch-NN/*.png (epoch 0 = the untouched base), outputs/dataset, the section `score`
Writes  reports/score_summary.json (DVC metrics), reports/score.json (all of it), reports/score.csv (a row per picture),
        reports/score_by_epoch.csv (plots)

    python -m stages.score
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sprite_lora.art.colour import parse_hex
from sprite_lora.art.sprite import Pixels, composite, read_sprite, to_cells
from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.files import write_json, write_text
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import Manifest, read_manifest
from sprite_lora.scoring.judge import Verdict, judge, judge_epoch
from sprite_lora.scoring.remarks import epoch_remarks, picture_remarks
from sprite_lora.scoring.ruler import Training, evenly, training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.view import view
from stages.score.samples import Drawn, find_samples
from stages.score.tables import details, picture_row, summary, table

MOST_JUDGED = 64
"""Training sprites, evenly picked, that are judged like drawn pictures to show where a perfect one stands."""


def main() -> None:
    paths, score = load(Paths), load(Score)
    manifest = read_manifest(paths.dataset)
    epochs = find_samples(paths.samples)
    ruler = learn(paths.dataset, manifest, score)
    sprites = judge_sprites(paths.dataset, manifest, ruler, score)
    verdicts = {epoch: judge_drawn(drawn, manifest, ruler, score) for epoch, drawn in progress(epochs.items())}
    marks = {epoch: judge_epoch(found, ruler, score) for epoch, found in verdicts.items()}
    level = float(np.mean([sprite.score for sprite in sprites]))
    write_json(paths.reports / "score_summary.json", summary(marks, level))
    write_json(paths.reports / "score.json", details(marks, level, ruler))
    write_text(
        paths.reports / "score.csv",
        table(
            picture_row(one, verdict, picture_remarks(verdict, ruler, score.lost))
            for epoch, drawn in epochs.items()
            for one, verdict in zip(drawn, verdicts[epoch], strict=True)
        ),
    )
    write_text(
        paths.reports / "score_by_epoch.csv",
        table({"epoch": n, "training": level, **mark, "remarks": epoch_remarks(mark)} for n, mark in marks.items()),
    )
    print(f"training sprites score {level:.1f}")
    for epoch, mark in marks.items():
        print(f"epoch {epoch:2}{' (base)' if epoch == 0 else '':7} {mark['score']:5.2f} +- {mark['error']:.2f}")


def sprite_pixels(path: Path, manifest: Manifest) -> Pixels:
    """A PNG's pixels, over the dataset's background where it is transparent."""
    return composite(read_sprite(path), parse_hex(manifest.background))


def learn(dataset: Path, manifest: Manifest, score: Score) -> Training:
    """The ruler: all training sprites, seen at one pixel per cell."""
    if len(manifest.items) < 2:
        raise SpriteLoraError("a score needs two training sprites or more", "add sprites and captions, then: dvc repro")
    views = []
    for item in manifest.items:
        cells = to_cells(sprite_pixels(dataset / manifest.folder / f"{item.stem}.png", manifest), manifest.art_pixels)
        views.append(view(cells, item.caption, manifest.art_pixels, score.tolerance))
    return training([item.stem for item in manifest.items], views, score)


def judge_sprites(dataset: Path, manifest: Manifest, ruler: Training, score: Score) -> list[Verdict]:
    """Training sprites judged as if drawn, without a prompt: a caption that is wrong is no fault of the sprite."""
    verdicts = []
    for item in evenly(manifest.items, MOST_JUDGED):
        pixels = sprite_pixels(dataset / manifest.folder / f"{item.stem}.png", manifest)
        verdicts.append(judge(view(pixels, "", manifest.art_pixels, score.tolerance), ruler, score))
    return verdicts


def judge_drawn(drawn: list[Drawn], manifest: Manifest, ruler: Training, score: Score) -> list[Verdict]:
    """An epoch's pictures, judged. One that was drawn without finite numbers is worth nothing, whatever it shows."""
    verdicts = []
    for one in drawn:
        seen = view(sprite_pixels(one.path, manifest), one.prompt, manifest.art_pixels, score.tolerance)
        verdict = judge(seen, ruler, score)
        verdicts.append(verdict if one.finite else replace(verdict, score=0.0))
    return verdicts


def progress(epochs: Iterable[tuple[int, list[Drawn]]]) -> Iterable[tuple[int, list[Drawn]]]:
    """A bar on a terminal, silence in a log: the table at the end says it all."""
    return tqdm(list(epochs), desc="score", unit="epoch", disable=None)


if __name__ == "__main__":
    run_stage(main)
