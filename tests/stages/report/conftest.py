"""A small finished run: 3 epochs and the base, 2 prompts, in the files that the stages before leave."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

HOSTILE = "</script><script>alert(\"x\")</script><img src=x onerror=alert(1)> & 'quoted'"
PROMPTS = {
    "lady_green": "pixel art, 24x24, lady, blue eyes, solid green background",
    "lad_blue": "pixel art, 24x24, lad, brown eyes, solid blue background",
}
REMARKS = {
    (1, "lady_green"): "palette: 34 colours cover 95 % of the cells; training sprites have 6 to 13; "
    "background: not the colour that the prompt names",
    (3, "lad_blue"): "copy: 96% of the figure is training sprite lad_012",
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
    write_json(root / "reports/validate.json", validate())
    write_json(root / "reports/package.json", package())
    write_json(root / "reports/select.json", select())
    write_json(root / "outputs/selected/record.json", record())
    write_json(root / "outputs/dataset/manifest.json", manifest())
    (root / "outputs/selected/punk.safetensors").write_bytes(bytes(1234))
    (root / "params.yaml").write_text(yaml.safe_dump(params(), sort_keys=False))
    write_scores(root)
    write_curves(root / "reports/train/plots/metrics")
    colours = {"drawn_colours": 900, "palette": {"#112233": 500, "#ffffff": 76}}
    write_json(root / "outputs/finished/colours.json", dict.fromkeys(PROMPTS, colours))
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


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_scores(root: Path) -> None:
    epochs = {
        f"{epoch:02d}": {
            "score": score,
            "pictures": score,
            "worst": score - 0.5,
            "error": 0.25,
            "copied": 0.4 if epoch == 3 else 0.0,
            "sameness": 0.0,
            "residual": score / 10,
            "background": 0.75,
        }
        for epoch, score in SCORES.items()
    }
    training = {"score": 9.5, "copy_limit": 0.2, "nearest": 0.5}
    write_json(root / "reports/score.json", {"training": training, "epochs": epochs})
    rows = [
        {
            "epoch": epoch,
            "picture": name,
            "score": score + (0.5 if name == "lady_green" else -0.5),
            "copied": 0.8 if (epoch, name) == (3, "lad_blue") else 0.0,
            "nearest": 0.04,
            "nearest_sprite": "lad_012",
            "residual": score / 10,
            "background": 0.1 if (epoch, name) == (1, "lady_green") else 0.9,
            "remarks": REMARKS.get((epoch, name), ""),
            "checkpoint": f"{epoch}" * 8,
            "prompt": prompt,
        }
        for epoch, score in SCORES.items()
        for name, prompt in PROMPTS.items()
    ]
    write_table(root / "reports/score.csv", rows)
    said = {3: "copies: 40% of its pictures, by how close they are, are training sprites"}
    by_epoch = [{"epoch": epoch, "score": score, "remarks": said.get(epoch, "")} for epoch, score in SCORES.items()]
    write_table(root / "reports/score_by_epoch.csv", by_epoch)


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_curves(folder: Path) -> None:
    for name, scale in (("loss", 0.1), ("lr/unet", 1e-4), ("lr/textencoder", 5e-5)):
        table = folder / f"{name}.tsv"
        table.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{step}\t{scale * (1 + (step % 3)) / (1 + step)}" for step in range(1, 10)]
        table.write_text("\n".join([f"step\t{table.stem}", *lines, ""]))


def validate() -> dict[str, Any]:
    findings = [
        {"rule": "prompt-unseen", "severity": "warning", "file": "params.yaml", "message": '"baby"', "hint": "say lad"},
        {"rule": "transparent", "severity": "info", "file": "data/lad_001.png", "message": "3 pixels", "hint": "fill"},
    ]
    histogram = {"least": 30, "median": 41.5, "most": 60, "histogram": {"25-49": 2, "50-74": 1}}
    overview = {
        "pairs": 3,
        "tags": {"pixel art": 3, "24x24": 3, "blue eyes": 2},
        "attributes": {"eyes": {"captions": 3, "values": {"blue": 2, "brown": 1}, "different": 2}},
        "backgrounds_drawn": {"green": 3},
        "tokens": {**histogram, "limit": 75},
        "palette": histogram,
    }
    return {"findings": findings, "counts": {}, "overview": overview}


def package() -> dict[str, Any]:
    return {
        "pictures": 3,
        "num_repeats": 1,
        "pictures_per_epoch": 3,
        "batch": 1,
        "steps_per_epoch": 3,
        "epochs": 3,
        "steps": 9,
        "checkpoints": 3,
        "lora_modules": 10,
        "lora_parameters": 12345,
        "checkpoint_bytes": 24690,
        "checkpoints_bytes": 74070,
        "dataset_bytes": 4096,
    }


def select() -> dict[str, Any]:
    return {
        "epoch": 2,
        "score": 8.25,
        "best": {"epoch": 2, "score": 8.25},
        "runner_up": 1,
        "margin": 3.25,
        "spread": 0.5,
        "tied": [2],
        "passed_over": [3],
        "base": 2.0,
        "gain": 6.25,
        "reasons": ["Epoch 2 scores best.", "Epoch 3 was passed over."],
        "warnings": ["More prompts sharpen the choice."],
        "file": "outputs/selected/punk.safetensors",
        "checkpoint": "punk-000002.safetensors",
        "model_hash": "ab" * 32,
    }


def record() -> dict[str, Any]:
    hashes = {name: name[0] * 64 for name in ("captions", "sprites", "base", "code")}
    made_by = {**hashes, "versions": {"torch": "2.10.0", "numpy": "2.3.0"}, "fingerprint": "f" * 64}
    return {"selection": select(), "checkpoint": made_by}


def manifest() -> dict[str, Any]:
    return {
        "folder": "1_punk",
        "name": "punk",
        "num_repeats": 1,
        "resolution": 48,
        "art_pixels": 24,
        "background": "#ffffff",
        "sprites_sha256": "s" * 64,
        "captions_sha256": "c" * 64,
        "items": [],
    }


def params() -> dict[str, Any]:
    places = {**{name: name for name in ("data", "captions", "regularisation")}, "base": "models/nano"}
    return {
        "paths": places,
        "train": {"network_dim": 16, "unet_lr": None, "optimizer_args": ["weight_decay=0.1"]},
        "sample": {"seed": 42, "prompts": PROMPTS, "negative_prompt": ""},
        "report": {"title": "sprites", "grid_pixels": 192, "compare_with": "HEAD"},
    }
