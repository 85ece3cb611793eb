"""A small training set and the params that judge by it, for the tests of scoring and of the stage `score`."""

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image
from places import ROOT

from sprite_lora.scoring.ruler import Training, training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.view import view

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="session")
def section() -> dict[str, object]:
    """The section `score` of the project's own params.yaml."""
    content: dict[str, object] = yaml.safe_load((ROOT / "params.yaml").read_text())["score"]
    return content


@pytest.fixture(scope="session")
def score(section: dict[str, object]) -> Score:
    return Score.model_validate(section)


@pytest.fixture(scope="session")
def sprites() -> dict[str, Pixels]:
    """Stem to 24x24 cells: every third of the sample set."""
    files = sorted((ROOT / "data").glob("*.png"))[::3]
    return {file.stem: np.asarray(Image.open(file).convert("RGB")) for file in files}


@pytest.fixture(scope="session")
def captions(sprites: dict[str, Pixels]) -> dict[str, str]:
    return {stem: (ROOT / "captions" / f"{stem}.txt").read_text().strip() for stem in sprites}


@pytest.fixture(scope="session")
def ruler(sprites: dict[str, Pixels], captions: dict[str, str], score: Score) -> Training:
    views = [view(cells, captions[stem], 24, score.tolerance) for stem, cells in sprites.items()]
    return training(list(sprites), views, score)
