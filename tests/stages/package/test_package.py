"""The dataset folder and the manifest, from sprites in the shapes that users have."""

import hashlib
import json
import os
import subprocess
import zipfile

import numpy as np
import pytest
from PIL import Image

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256_set, sha256_text
from sprite_lora.dataset.manifest import read_manifest

STEMS = ["clear", "gray", "large", "palette", "plain", "touched"]


def opened(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_layout_is_kohyas(project, package):
    package()
    assert sorted(path.name for path in (project / "outputs/dataset").iterdir()) == ["3_punk", "manifest.json"]
    names = sorted(path.name for path in (project / "outputs/dataset/3_punk").iterdir())
    assert names == sorted(f"{stem}{suffix}" for stem in STEMS for suffix in (".png", ".txt"))
    assert (project / "outputs/dataset/3_punk/plain.txt").read_bytes() == b"pixel art, 24x24, plain"
    assert [path.name for path in (project / "outputs").iterdir()] == ["dataset"], "nothing is left behind"


def test_pictures_are_the_sprites_enlarged(project, package, cells):
    """Against Pillow's own nearest-neighbour enlargement and, for alpha, its own compositing."""
    package()
    background = Image.new("RGBA", (24, 24), "#102030")
    mask = np.kron(np.eye(2), np.ones((12, 12))).astype(np.uint8) * 255
    over = Image.alpha_composite(background, Image.fromarray(np.dstack([cells[2], mask])))
    expected = {
        "plain": Image.fromarray(cells[0]),
        "large": Image.fromarray(cells[1]),
        "clear": over.convert("RGB"),
        "palette": Image.fromarray(cells[3]).quantize(16).convert("RGB"),
        "touched": Image.fromarray(cells[4]),
        "gray": Image.fromarray(cells[5]).convert("L").convert("RGB"),
    }
    for stem, sprite in expected.items():
        picture = opened(project / f"outputs/dataset/3_punk/{stem}.png")
        assert np.array_equal(picture, np.asarray(sprite.resize((192, 192), Image.Resampling.NEAREST))), stem
        with Image.open(project / f"outputs/dataset/3_punk/{stem}.png") as image:
            assert (image.mode, image.info) == ("RGB", {})


def test_manifest(project, package):
    package()
    manifest = read_manifest(project / "outputs/dataset")
    assert [item.stem for item in manifest.items] == STEMS
    assert {item.stem: item.snapped_pixels for item in manifest.items} == dict.fromkeys(STEMS, 0) | {"touched": 2}
    for item in manifest.items:
        pixels = opened(project / f"outputs/dataset/3_punk/{item.stem}.png")
        assert item.sprite_sha256 == hashlib.sha256(pixels.tobytes()).hexdigest()
        assert item.caption == f"pixel art, 24x24, {item.stem}"
        assert item.caption_sha256 == sha256_text(item.caption)
    assert manifest.captions_sha256 == sha256_set({item.stem: item.caption_sha256 for item in manifest.items})
    assert (manifest.resolution, manifest.art_pixels, manifest.background) == (192, 24, "#102030")


def test_same_inputs_same_bytes_whatever_was_there(project, package):
    package()

    def content():
        return {path: path.read_bytes() for path in (project / "outputs").rglob("*") if path.is_file()}

    first = content()
    (project / "outputs/dataset/3_punk/stale.png").write_bytes(b"x")
    package()
    assert content() == first


def test_one_changed_pixel_changes_one_hash(project, package):
    package()
    before = read_manifest(project / "outputs/dataset")
    pixels = opened(project / "data/plain.png").copy()
    pixels[3, 4] ^= 1
    Image.fromarray(pixels).save(project / "data/plain.png")
    package()
    after = read_manifest(project / "outputs/dataset")
    changed = [old.stem for old, new in zip(before.items, after.items, strict=True) if old != new]
    assert changed == ["plain"]
    assert before.sprites_sha256 != after.sprites_sha256
    assert before.captions_sha256 == after.captions_sha256


def test_refuses_what_validate_found(project, package, found):
    found()
    with pytest.raises(SpriteLoraError, match="1 error"):
        package()
    (project / "reports/validate.json").unlink()
    with pytest.raises(SpriteLoraError, match="dvc repro validate"):
        package()
    assert not (project / "outputs").exists()


def no_partner(project):
    (project / "captions/plain.txt").unlink()


def broken(project):
    (project / "data/plain.png").write_bytes(b"")


def off_grid(project):
    Image.new("RGB", (100, 100)).save(project / "data/plain.png")


def blank(project):
    (project / "captions/plain.txt").write_text("\nx")


def foreign(project):
    (project / "outputs/dataset").mkdir(parents=True)
    (project / "outputs/dataset/mine.txt").write_text("x")


def unsafe(project):
    (project / "data/plain.png").rename(project / "data/a:b.png")
    (project / "captions/plain.txt").rename(project / "captions/a:b.txt")


@pytest.mark.parametrize("mistake", [no_partner, broken, off_grid, blank, foreign, unsafe])
def test_a_mistake_leaves_what_was_there(project, package, mistake):
    mistake(project)
    before = sorted(path for path in project.rglob("*") if path.is_file())
    with pytest.raises(SpriteLoraError):
        package()
    assert sorted(path for path in project.rglob("*") if path.is_file()) == before


def test_zip(project, package):
    package()
    package("--zip", "a.zip")
    first = (project / "a.zip").read_bytes()
    for path in (project / "outputs").rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    package("--zip", "a.zip")
    assert (project / "a.zip").read_bytes() == first, "no clock in it"
    with zipfile.ZipFile(project / "a.zip") as file:
        assert file.testzip() is None
        names = file.namelist()
        assert names[-1] == "manifest.json"
        assert len(names) == 13
        assert all(name.startswith("3_punk/") for name in names[:-1])
        assert file.read("3_punk/plain.png") == (project / "outputs/dataset/3_punk/plain.png").read_bytes()


def test_zip_refuses_a_dataset_that_is_not_whole(project, package):
    with pytest.raises(SpriteLoraError, match="dvc repro package"):
        package("--zip", "a.zip")
    package()
    (project / "outputs/dataset/3_punk/more.png").write_bytes(b"x")
    with pytest.raises(SpriteLoraError, match="1 files too many or too few"):
        package("--zip", "a.zip")
    assert not (project / "a.zip").exists()


def test_zip_refuses_names_that_unpack_elsewhere(project, package):
    package()
    manifest = json.loads((project / "outputs/dataset/manifest.json").read_text())
    manifest["items"][0]["stem"] = "../evil"
    (project / "outputs/dataset/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SpriteLoraError, match=r"\.\./evil"):
        package("--zip", "a.zip")


def test_zip_opens_with_other_tools(project, package):
    package()
    package("--zip", "a.zip")
    program = "import shutil; shutil.unpack_archive('a.zip', 'out')"
    subprocess.run(["/usr/bin/env", "python3", "-c", program], cwd=project, check=True)
    assert (project / "out/3_punk/gray.txt").read_text() == "pixel art, 24x24, gray"
