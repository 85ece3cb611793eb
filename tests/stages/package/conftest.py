"""A small project in which `package` runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from places import ROOT

from sprite_lora.results.validation import Finding, Histogram, Overview, TokenHistogram, Validation
from stages.package.__main__ import main


def validation(*findings: Finding) -> Validation:
    """What `validate` left: these findings, nothing counted."""
    nothing = {"least": None, "median": None, "most": None, "histogram": {}}
    counted = Overview(
        pairs=6,
        tags={},
        attributes={},
        backgrounds_drawn={},
        tokens=TokenHistogram(**nothing, limit=75),
        palette=Histogram(**nothing),
    )
    return Validation(findings=findings, counts={}, overview=counted)


@pytest.fixture
def found() -> Callable[[], None]:
    """Make `validate` have found an error."""

    def found() -> None:
        validation(Finding(rule="truncated", severity="error", file="a.txt", message="long", hint="cut")).write()

    return found


@pytest.fixture
def cells() -> list[np.ndarray]:
    """Six sprites, 24x24 cells."""
    return list(np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), dtype=np.uint8))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[np.ndarray]) -> Path:
    """The working folder: sprites in the shapes that users have, captions, a validate.json without errors."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (tmp_path / "models").symlink_to(ROOT / "models")
    params["package"] |= {"num_repeats": 3, "name": "punk", "resolution": 192, "background": "#102030"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    for folder in ("data", "captions", "reports", "regularisation"):
        (tmp_path / folder).mkdir()
    validation().write(tmp_path)
    plain, large, clear, palette, touched, gray = (Image.fromarray(sprite) for sprite in cells)
    plain.save(tmp_path / "data/plain.png")
    large.resize((576, 576), Image.Resampling.NEAREST).save(tmp_path / "data/large.png")
    clear.putalpha(Image.fromarray(np.kron(np.eye(2), np.ones((12, 12))).astype(np.uint8) * 255))
    clear.save(tmp_path / "data/clear.png")
    palette.quantize(16).save(tmp_path / "data/palette.png")
    pixels = np.asarray(touched.resize((240, 240), Image.Resampling.NEAREST)).copy()
    pixels[5, 7], pixels[5, 8] = ~pixels[5, 7], ~pixels[5, 8]
    Image.fromarray(pixels).save(tmp_path / "data/touched.png")
    gray.convert("L").save(tmp_path / "data/gray.png")
    for path in (tmp_path / "data").iterdir():
        (tmp_path / f"captions/{path.stem}.txt").write_text(f"\ufeffpixel art, 24x24, {path.stem}  \r\nsecond line")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run the stage with command-line arguments."""

    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["package", *arguments])
        main()

    return run
