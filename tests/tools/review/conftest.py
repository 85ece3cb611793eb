"""A project with scored pictures: four trained epochs and the base, two prompts."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rated import epoch

from sprite_lora.core.result import Result
from sprite_lora.results.picture import pixels_hash, write_picture
from sprite_lora.results.scores import EpochScore, Scores, TrainingLevel

PROMPTS = ("lady_green", "lad_blue", "lad_red")
EPOCHS = 5


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder, which is also the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["review"])
    generator = np.random.default_rng(1)
    epochs = []
    for number in range(EPOCHS + 1):
        drawn = {}
        for name in PROMPTS:
            image = Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8))
            path = tmp_path / f"outputs/samples/epoch-{number:02d}/{name}.png"
            write_picture(path, image, {"epoch": number, "prompt": name}, f"{name}\nSteps: {number}")
            drawn[name] = pixels_hash(image)
        epochs.append(epoch(number, dict.fromkeys(PROMPTS, 4 + number / 10), drawn))
    scores(epochs).write(tmp_path)
    return tmp_path


def scores(epochs: list[EpochScore]) -> Result:
    level = TrainingLevel(score=9.9, copy_limit=0.1, nearest=0.4)
    return Scores(training=level, metrics=(), epochs=tuple(epochs))


@pytest.fixture
def trained(project: Path) -> tuple[EpochScore, ...]:
    return Scores.read(project).trained
