"""A small finished run: 3 epochs and the base, 2 prompts, in the files that the stages before leave."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from sprite_lora.dataset.manifest import Manifest
from sprite_lora.results.finished import FinishedColours, SpriteColours
from sprite_lora.results.people import Agreement, EpochPreference, People
from sprite_lora.results.plan import Plan
from sprite_lora.results.records import TrainingRecord
from sprite_lora.results.scores import EpochScore, MetricWords, NamedThing, PictureScore, Remark, Scores, TrainingLevel
from sprite_lora.results.selection import Best, Chance, SelectedRecord, Selection
from sprite_lora.results.validation import Attribute, Finding, Histogram, Overview, TokenHistogram, Validation

HOSTILE = "</script><script>alert(\"x\")</script><img src=x onerror=alert(1)> & 'quoted'"
PROMPTS = {
    "lady_green": "pixel art, 24x24, lady, blue eyes, solid green background",
    "lad_blue": "pixel art, 24x24, lad, brown eyes, solid blue background",
}
REMARKS = {
    (1, "lady_green"): (
        Remark(word="palette", sentence="34 colours cover 95 % of the cells; training sprites have 6 to 13"),
        Remark(word="not as asked", sentence="solid green background: drawn teal"),
    ),
    (3, "lad_blue"): (Remark(word="copy", sentence="96% of the figure is training sprite lad_012"),),
}
NAMED = {
    (1, "lady_green"): (
        NamedThing(asked="blue eyes", shows="yes", sentence="blue eyes: yes", chance=0.9),
        NamedThing(
            asked="solid green background",
            shows="otherwise",
            sentence="solid green background: drawn teal",
            chance=0.1,
        ),
    ),
}
SCORES = {0: 2.0, 1: 5.0, 2: 8.25, 3: 8.0}


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run's folder, which is also the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["report"])
    write_run(tmp_path)
    return tmp_path


@pytest.fixture
def edit_json(run_folder: Path) -> Callable[[str, Callable[[Any], None]], None]:
    """Change one of the run's JSON files in place."""

    def edit(name: str, change: Callable[[Any], None]) -> None:
        path = run_folder / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


@pytest.fixture
def hostile() -> str:
    """Text that would do harm where it is not escaped."""
    return HOSTILE


def write_run(root: Path) -> None:
    for result in (validation(), plan(), scores(), selection(), record(), manifest()):
        result.write(root)
    (root / "outputs/selected/punk.safetensors").write_bytes(bytes(1234))
    (root / "params.yaml").write_text(yaml.safe_dump(params(), sort_keys=False))
    write_curves(root / "reports/train/plots/metrics")
    colours = SpriteColours(drawn_colours=900, palette={"#112233": 500, "#ffffff": 76})
    FinishedColours(dict.fromkeys(PROMPTS, colours)).write(root)
    generator = np.random.default_rng(0)
    for name in PROMPTS:
        cells = generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        write_picture(root / f"outputs/finished/{name}.png", cells)
        write_picture(root / f"outputs/finished/{name}@8x.png", cells.repeat(8, 0).repeat(8, 1))
        for epoch in SCORES:
            drawn = cells.repeat(2, 0).repeat(2, 1)
            if epoch < 3:
                drawn = drawn ^ generator.integers(0, 4, drawn.shape, dtype=np.uint8)
            write_picture(root / f"outputs/samples/epoch-{epoch:02d}/{name}.png", drawn)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def scores() -> Scores:
    words = [("copies", "an epoch"), ("residual", "a picture"), ("things", "a picture")]
    return Scores(
        training=TrainingLevel(score=9.5, copy_limit=0.2, nearest=0.5),
        metrics=tuple(MetricWords(name=name, label=name, cost=f"of {of}: {name}", weight=0.5) for name, of in words),
        epochs=tuple(epoch(number, score) for number, score in SCORES.items()),
    )


def epoch(number: int, score: float) -> EpochScore:
    said = "40% of its pictures, by how close they are, are training sprites"
    return EpochScore(
        number=number,
        score=score,
        pictures=score,
        worst=score - 0.5,
        error=0.25,
        faults={"copies": 0.4 if number == 3 else 0.0, "sameness": 0.0},
        qualities={"residual": score / 10, "things": 0.75},
        remarks=(Remark(word="copies", sentence=said),) if number == 3 else (),
        drawn=tuple(
            PictureScore(
                name=name,
                score=score + (0.5 if name == "lady_green" else -0.5),
                copies=0.8 if (number, name) == (3, "lad_blue") else 0.0,
                nearest=0.04,
                nearest_sprite="lad_012",
                qualities={"residual": score / 10},
                measures={"colours_95": 34},
                remarks=REMARKS.get((number, name), ()),
                named=NAMED.get((number, name), ()),
                checkpoint=f"{number}" * 8 if number else "",
                prompt=prompt,
                pixels=hashlib.sha256(f"{number} {name}".encode()).hexdigest(),
            )
            for name, prompt in PROMPTS.items()
        ),
    )


def write_curves(folder: Path) -> None:
    for name, scale in (("loss", 0.1), ("lr/unet", 1e-4), ("lr/textencoder", 5e-5)):
        table = folder / f"{name}.tsv"
        table.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{step}\t{scale * (1 + (step % 3)) / (1 + step)}" for step in range(1, 10)]
        table.write_text("\n".join([f"step\t{table.stem}", *lines, ""]))


def validation() -> Validation:
    histogram = {"least": 30, "median": 41.5, "most": 60, "histogram": {"25-49": 2, "50-74": 1}}
    return Validation(
        findings=(
            Finding(rule="prompt-unseen", severity="warning", file="params.yaml", message='"baby"', hint="say lad"),
            Finding(rule="transparent", severity="info", file="data/lad_001.png", message="3 pixels", hint="fill"),
        ),
        counts={},
        overview=Overview(
            pairs=3,
            tags={"pixel art": 3, "24x24": 3, "blue eyes": 2},
            attributes={"eyes": Attribute(captions=3, values={"blue": 2, "brown": 1}, different=2)},
            backgrounds_drawn={"green": 3},
            tokens=TokenHistogram(**histogram, limit=75),
            palette=Histogram(**histogram),
        ),
    )


def plan() -> Plan:
    return Plan(
        pictures=3,
        num_repeats=1,
        pictures_per_epoch=3,
        regularisation_per_epoch=0,
        batch=1,
        steps_per_epoch=3,
        epochs=3,
        steps=9,
        checkpoints=3,
        lora_modules=10,
        lora_parameters=12345,
        checkpoint_bytes=24690,
        checkpoints_bytes=74070,
        dataset_bytes=4096,
        disk_bytes=230402,
    )


def selection() -> Selection:
    return Selection(
        epoch=2,
        score=8.25,
        best=Best(epoch=2, score=8.25),
        runner_up=1,
        margin=3.25,
        spread=0.5,
        chances=(Chance(epoch=1, best=0.125), Chance(epoch=2, best=0.875)),
        tied=(2,),
        passed_over=(3,),
        base=2.0,
        gain=6.25,
        people=people(),
        reasons=("Epoch 2 scores best.", "Epoch 3 was passed over."),
        warnings=("More prompts sharpen the choice.",),
        more_pictures=None,
        usable=True,
        reasons_against=(),
        file="outputs/selected/punk.safetensors",
        checkpoint="punk-000002.safetensors",
        model_hash="ab" * 32,
    )


def people() -> People:
    ranked = (
        EpochPreference(epoch=number, points=4.0 + number, low=3.5, high=8.0, best=0.25 * number, ratings=12)
        for number in (1, 2, 3)
    )
    agreement = Agreement(pairs=16, agree=12, share=0.75, low=0.55, high=0.88, correlation=0.5)
    return People(ratings=18, raters=2, settled=0.5, weight=0.25, epochs=tuple(ranked), agreement=agreement)


def record() -> SelectedRecord:
    hashes = {name: name[0] * 64 for name in ("captions", "sprites", "base", "code")}
    versions = {"torch": "2.10.0", "numpy": "2.3.0"}
    made = TrainingRecord(epoch=2, versions=versions, fingerprint="f" * 64, **hashes)
    return SelectedRecord(selection=selection(), checkpoint=made)


def manifest() -> Manifest:
    return Manifest(
        folder="1_punk",
        name="punk",
        num_repeats=1,
        resolution=48,
        art_pixels=24,
        background="#ffffff",
        sprites_sha256="s" * 64,
        captions_sha256="c" * 64,
        items=(),
    )


def params() -> dict[str, Any]:
    places = {**{name: name for name in ("data", "captions", "regularisation")}, "base": "models/nano"}
    places |= {"vae": "models/no_vae", "network_weights": "models/no_weights"}
    return {
        "paths": places,
        "train": {"network_dim": 16, "unet_lr": None, "optimizer_args": ["weight_decay=0.1"]},
        "sample": {"seed": 42, "prompts": PROMPTS, "negative_prompt": ""},
        "report": {"title": "sprites", "grid_pixels": 192, "compare_with": "HEAD"},
    }
