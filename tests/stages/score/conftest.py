"""A dataset folder and epochs of pictures as the stages before leave them, made from the sample set's own sprites."""

# ruff: noqa: F811 (fixtures are imported, and asked for by the same name)

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image
from places import ROOT
from scoring_fixtures import captions, ruler, score, section, sprites  # noqa: F401

from sprite_lora.art.sprite import enlarge
from sprite_lora.dataset.manifest import Item, Manifest
from sprite_lora.results.picture import web_ui_text, write_picture

RESOLUTION = 192
Pixels = NDArray[np.uint8]


@pytest.fixture
def project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    section: dict[str, object],
    sprites: dict[str, Pixels],
    captions: dict[str, str],
) -> Path:
    """A folder with params.yaml and outputs/dataset, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    paths = yaml.safe_load((ROOT / "params.yaml").read_text())["paths"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"paths": paths, "score": section}))
    folder = tmp_path / "outputs/dataset/1_punk"
    folder.mkdir(parents=True)
    for stem, cells in sprites.items():
        Image.fromarray(enlarge(cells, RESOLUTION // 24)).save(folder / f"{stem}.png")
    items = [
        Item(stem=stem, caption=captions[stem], sprite_sha256="0", caption_sha256="0", snapped_pixels=0)
        for stem in sorted(sprites)
    ]
    manifest = Manifest(
        folder="1_punk",
        name="punk",
        num_repeats=1,
        resolution=RESOLUTION,
        art_pixels=24,
        background="#ffffff",
        sprites_sha256="0",
        captions_sha256="0",
        items=tuple(items),
    )
    manifest.write(tmp_path)
    return tmp_path


@pytest.fixture
def draw(project: Path) -> Callable[..., None]:
    """Write a picture with its record: draw(epoch, name, pixels, prompt)."""

    def draw(epoch: int, name: str, pixels: Pixels, prompt: str = "pixel art, 24x24", **record: object) -> None:
        path = project / f"outputs/samples/epoch-{epoch:02d}/{name}.png"
        checkpoint = f"{epoch:064x}" if epoch else None
        text = web_ui_text(
            prompt=prompt,
            negative_prompt="",
            steps=1,
            scheduler="ddim",
            guidance_scale=1,
            seed=42,
            size=(RESOLUTION, RESOLUTION),
            model="nano",
            model_hash="0" * 64,
        )
        written = {"checkpoint": checkpoint, "epoch": epoch, "prompt": prompt, "finite": True, **record}
        write_picture(path, Image.fromarray(pixels), written, text)

    return draw
