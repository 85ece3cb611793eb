"""Score every picture and every epoch, 0 to 10, against the training sprites.

Reads   outputs/samples/epoch-NN/*.png (epoch 0 = the untouched base), outputs/dataset, the section `score`
Writes  reports/score.json (all of it, for the stages behind), reports/score_summary.json (DVC metrics),
        reports/score.csv (a row per picture) and reports/score_by_epoch.csv (plots)

    python -m stages.score
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sprite_lora.art.colour import parse_hex
from sprite_lora.art.image_file import read_image
from sprite_lora.art.sprite import Pixels, composite, to_cells
from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.files import write_json, write_text
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import Manifest, read_manifest
from sprite_lora.lora.epochs import Epoch
from sprite_lora.scoring.judge import judge
from sprite_lora.scoring.ruler import Training, training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.sprites import evenly
from sprite_lora.scoring.verdict import Verdict
from sprite_lora.scoring.view import view
from stages.score.result import Judged, result
from stages.score.samples import Drawn, find_samples
from stages.score.tables import epochs_table, pictures_table, summary

MOST_JUDGED = 64
"""Training sprites, evenly picked, that are judged like drawn pictures to show where a perfect one stands."""


def main() -> None:
    paths, score = load(Paths), load(Score)
    manifest = read_manifest(paths.dataset)
    epochs = find_samples(paths.samples)
    ruler = learn(paths.dataset, manifest, score)
    sprites = judge_sprites(paths.dataset, manifest, ruler, score)
    judged = {epoch: judge_drawn(drawn, manifest, ruler, score) for epoch, drawn in progress(epochs.items())}
    level = float(np.mean([sprite.score for sprite in sprites]))
    scores = result(judged, level, ruler, score)
    scores.write()
    write_json(paths.reports / "score_summary.json", summary(scores))
    write_text(paths.reports / "score.csv", pictures_table(scores))
    write_text(paths.reports / "score_by_epoch.csv", epochs_table(scores))
    print(f"training sprites score {level:.1f}")
    for epoch in scores.epochs:
        base = " (base)" if epoch.number == 0 else ""
        print(f"epoch {epoch.number:2g}{base:7} {epoch.score:5.2f} +- {epoch.error:.2f}")


def sprite_pixels(path: Path, manifest: Manifest) -> Pixels:
    """A PNG's pixels, over the dataset's background where it is transparent."""
    return composite(read_image(path), parse_hex(manifest.background))


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


def judge_drawn(drawn: list[Drawn], manifest: Manifest, ruler: Training, score: Score) -> Judged:
    """An epoch's pictures, judged. One that was drawn without finite numbers is worth nothing, whatever it shows."""
    judged = []
    for one in drawn:
        seen = view(sprite_pixels(one.path, manifest), one.prompt, manifest.art_pixels, score.tolerance)
        verdict = judge(seen, ruler, score)
        judged.append((one, verdict if one.finite else replace(verdict, score=0.0)))
    return judged


def progress(epochs: Iterable[tuple[Epoch, list[Drawn]]]) -> Iterable[tuple[Epoch, list[Drawn]]]:
    """A bar on a terminal, silence in a log: the table at the end says it all."""
    return tqdm(list(epochs), desc="score", unit="epoch", disable=None)


if __name__ == "__main__":
    run_stage(main)
