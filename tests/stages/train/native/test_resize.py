"""Regularisation pictures of other sizes: beside what sd-scripts makes of them, and in a run."""

import numpy as np
import pytest
import torch
from PIL import Image
from places import kohya_values

from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.dataset.regularisation import read_regularisation
from stages.train.faults import Interruption
from stages.train.native.batch import encode_file, encode_picture, read_picture
from stages.train.native.inputs import read_pictures
from stages.train.native.resize import area, covered, sizes


@pytest.mark.parametrize("case", kohya_values("resize"))
def test_pictures_are_those_of_sd_scripts(case):
    """OpenCV's area filter adds up in float32: it may differ by one level where no whole factor shrinks."""
    pixels = np.array(case["pixels"], dtype=np.uint8)
    height, width = pixels.shape[:2]
    ours, theirs = covered(pixels, case["side"]), np.array(case["resized"])
    whole = min(width, height) % case["side"] == 0 or min(width, height) < case["side"]
    assert np.abs(ours.astype(int) - theirs).max() <= (0 if whole else 1)
    assert list(sizes(width, height, case["side"])) == case["sizes"]


def test_area_is_the_mean_over_what_a_pixel_covers():
    """Each pixel cut into 6 x 6 equal parts, so that 4 new ones of 6 old ones are 9 parts wide; float64."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    parts = pixels.astype(np.float64).repeat(4, axis=0).repeat(4, axis=1)
    expected = parts.reshape(4, 6, 6, 6, 3).mean(axis=(1, 3))
    assert np.abs(area(pixels, 6, 4) - expected).max() <= 0.5 + 1e-9


def test_middle_is_kept():
    pixels = np.zeros((4, 10, 3), dtype=np.uint8)
    pixels[:, 3:7] = 200
    assert (covered(pixels, 4) == 200).all()


def save(project, width, height):
    path = project.root / "regularisation/1_person/a.png"
    path.parent.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path, pixels


def pictures_of(base):
    paths = load(Paths)
    manifest = read_manifest(paths.dataset)
    return read_pictures(base, manifest, paths.dataset, read_regularisation(paths.regularisation), 0.5, None)


def test_regularisation_picture_is_encoded_as_it_was_resized(project, make_run):
    path, pixels = save(project, 96, 80)
    run = make_run(project)
    expected = torch.from_numpy(covered(pixels, 48) / 127.5 - 1).float().permute(2, 0, 1)
    read = read_picture(path, 48, resize=True)
    torch.testing.assert_close(read, expected)
    regular = pictures_of(run.base)[-1]
    assert torch.equal(regular.posterior.mean, encode_picture(run.base, read).mean)
    assert torch.equal(regular.posterior.mean, encode_file(run.base, 48, path, resize=True).mean)
    assert (regular.weight, regular.sizes) == (0.5, (80, 96, 4, 0, 48, 48))


def test_sdxl_is_told_its_sizes(project_sdxl, make_run, monkeypatch):
    """time_ids of diffusers: original height and width, top and left of the cut, target height and width."""
    save(project_sdxl, 96, 80)
    run = make_run(project_sdxl)
    seen = []
    forward = run.base.unet.forward
    monkeypatch.setattr(
        run.base.unet,
        "forward",
        lambda *arguments, **named: (
            seen.append(named["added_cond_kwargs"]["time_ids"].tolist()) or forward(*arguments, **named)
        ),
    )
    pictures = pictures_of(run.base)
    whole = [48, 48, 0, 0, 48, 48]
    for chosen, expected in (
        ([pictures[0], pictures[-1]], [whole, [80, 96, 4, 0, 48, 48]]),
        (pictures[:2], [whole, whole]),
    ):
        batch = run.batch(chosen, 3)
        from stages.train.native.gradients import batch_loss

        batch_loss(run.model, batch)
        assert seen.pop() == expected


def test_run_with_a_picture_of_another_size_trains(project_sdxl, make_run):
    save(project_sdxl, 40, 70)
    run = make_run(project_sdxl)
    run.pictures = pictures_of(run.base)[-1:] * len(run.pictures)
    run.step(Interruption())
    assert np.isfinite(run.progress.rows[-1]["loss"])
