"""Finished sprites: true cells, few colours, exact enlargements, the record with them."""

import numpy as np
import pytest
import yaml
from PIL import Image
from places import ROOT

from sprite_lora.art.colour import distance
from sprite_lora.art.finishing import drawn_colours, indexed, realigned
from sprite_lora.art.palette import palette_of
from sprite_lora.art.sprite import enlarge
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.manifest import Item, Manifest
from sprite_lora.results.finished import FinishedColours
from sprite_lora.results.picture import read_record, read_web_ui, web_ui_text, write_picture
from sprite_lora.results.selection import Best, Selection
from stages.finish.__main__ import main

SPRITES = sorted((ROOT / "data").glob("*.png"))[::20]


def cells_of(path):
    return np.asarray(Image.open(path).convert("RGB"))


def sprite_of(pixels, art_pixels, merge):
    """As the stage makes it."""
    return palette_of(realigned(pixels, art_pixels).cells, merge)


def drawn(cells, factor=8, noise=2.0):
    """As a LoRA draws it: enlarged, a little noise everywhere."""
    shaken = enlarge(cells, factor) + np.random.default_rng(0).normal(0, noise, (24 * factor, 24 * factor, 3))
    return np.clip(np.rint(shaken), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("path", SPRITES, ids=lambda path: path.stem)
def test_exact_sprite_comes_back_exactly(path):
    cells = cells_of(path)
    assert np.array_equal(sprite_of(enlarge(cells, 8), 24, 0).picture(), cells)


@pytest.mark.parametrize("path", SPRITES, ids=lambda path: path.stem)
def test_noise_leaves_the_sprite_and_its_colours(path):
    cells = cells_of(path)
    pixels = drawn(cells)
    found = sprite_of(pixels, 24, 0.02)
    assert drawn_colours(pixels) > 500
    assert len(found.colours) <= len(np.unique(cells.reshape(-1, 3), axis=0))
    assert distance(found.picture(), cells).max() < 0.04


def test_only_near_colours_are_merged():
    row = np.array([[[200, 0, 0]] * 3 + [[204, 2, 0]] + [[0, 0, 200]] * 2], dtype=np.uint8)
    cells = np.repeat(row, 6, axis=0)
    found = sprite_of(cells, 6, 0.02)
    assert found.colours.tolist() == [[200, 0, 0], [0, 0, 200]]
    assert found.counts.tolist() == [24, 12]


def test_merging_does_not_depend_on_the_order_of_cells():
    cells = np.random.default_rng(0).integers(90, 120, (24, 24, 3)).astype(np.uint8)
    shuffled = np.random.default_rng(1).permutation(cells.reshape(-1, 3)).reshape(24, 24, 3)
    assert sprite_of(cells, 24, 0.02).colours.tolist() == sprite_of(shuffled, 24, 0.02).colours.tolist()


@pytest.mark.parametrize("side", [512, 500])
def test_cells_of_no_whole_pixels(side):
    cells = cells_of(SPRITES[0])
    picture = np.asarray(Image.fromarray(cells).resize((side, side), Image.Resampling.NEAREST))
    assert np.array_equal(sprite_of(picture, 24, 0).picture(), cells)


@pytest.mark.parametrize("shift", [(4, 4), (-3, 7)])
def test_a_shifted_drawing_yields_the_same_sprite(shift):
    """Of 512 pixels, as a LoRA of SD 1.5 draws; what the shift brought in at the edges is a cell of its own there."""
    for path in SPRITES[:4]:
        cells = cells_of(path)
        picture = np.asarray(Image.fromarray(cells).resize((512, 512), Image.Resampling.NEAREST))
        wide = np.pad(picture, ((10, 10), (10, 10), (0, 0)), mode="edge")
        down, across = shift
        assert np.array_equal(
            sprite_of(wide[10 - down : 522 - down, 10 - across : 522 - across], 24, 0).picture(), cells
        )


def test_cells_of_another_size_are_kept_and_filled_up_with_background():
    """24 pixels a cell in a picture of 512: 21 whole cells. Left is background, and right hair: three more left."""
    cells = cells_of(SPRITES[0])
    cut = realigned(enlarge(cells, 24)[:512, :512], 24)
    assert np.array_equal(cut.cells[1:22, 3:], cells[:21, :21])
    assert np.array_equal(cut.cells[0], cut.cells[1])
    assert np.array_equal(cut.cells[:, 0], cut.cells[:, 3])
    assert cut.record == {"grid": {"cell": [24.0, 24.0], "start": [0.0, 0.0], "cells": [21, 21]}}
    assert cut.words == "drawn with 21x21 cells of about 24 px; brought to 24x24"


def test_more_colours_than_a_palette_holds():
    cells = np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    image = indexed(sprite_of(cells, 24, 0), 2)
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), enlarge(cells, 2))


def selection(epoch):
    """This epoch is selected, the only one."""
    return Selection(
        epoch=epoch, score=5, best=Best(epoch=epoch, score=5), runner_up=None, margin=None, spread=None, tied=(epoch,),
        passed_over=(), base=None, gain=None,
        people=None, chances=(), reasons=(), warnings=(), more_pictures=None, usable=True, reasons_against=(),
        file="outputs/selected/punk.safetensors", checkpoint="punk.safetensors", model_hash="0",
    )  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Epoch 2 is selected and drew two pictures."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    finish = {"enlarge": [2, 8], "merge": 0.02}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"paths": params["paths"], "finish": finish}))
    item = Item(stem="a", caption="a", sprite_sha256="0", caption_sha256="0", snapped_pixels=0)
    manifest = Manifest(
        folder="1_punk",
        name="punk",
        num_repeats=1,
        resolution=192,
        art_pixels=24,
        background="#ffffff",
        sprites_sha256="0",
        captions_sha256="0",
        items=(item,),
    )
    manifest.write(tmp_path)
    selection(2).write(tmp_path)
    for name, path in (("lad", SPRITES[0]), ("lady", SPRITES[-1])):
        text = web_ui_text(
            prompt=f"a {name}",
            negative_prompt="",
            steps=9,
            scheduler="ddim",
            guidance_scale=7,
            seed=42,
            size=(192, 192),
            model="nano",
            model_hash="0" * 64,
        )
        target = tmp_path / f"outputs/samples/epoch-02/{name}.png"
        write_picture(target, Image.fromarray(drawn(cells_of(path))), {"prompt": f"a {name}", "epoch": 2}, text)
    return tmp_path


def test_files_sizes_and_exact_enlargements(project):
    main()
    finished = project / "outputs/finished"
    assert sorted(path.name for path in finished.iterdir()) == [
        "colours.json", "lad.png", "lad@2x.png", "lad@8x.png", "lady.png", "lady@2x.png", "lady@8x.png",
    ]  # fmt: skip
    small = cells_of(finished / "lad.png")
    assert small.shape == (24, 24, 3)
    for factor in (2, 8):
        assert np.array_equal(cells_of(finished / f"lad@{factor}x.png"), enlarge(small, factor))


def test_record_is_carried_over(project):
    main()
    for name in ("lad.png", "lad@8x.png"):
        path = project / "outputs/finished" / name
        record = read_record(path)
        assert record is not None
        assert (record["prompt"], record["epoch"]) == ("a lad", 2)
        assert record["finish"] == {"art_pixels": 24, "enlarge": 8 if "@" in name else 1, "merge": 0.02}
        web_ui = read_web_ui(path)
        assert web_ui is not None
        assert web_ui.prompt == "a lad"


def test_realigning_is_recorded_and_said(project, capsys):
    target = project / "outputs/samples/epoch-02/lad.png"
    shifted = np.roll(drawn(cells_of(SPRITES[0])), (2, -3), axis=(0, 1))
    write_picture(target, Image.fromarray(shifted), {"prompt": "a lad", "epoch": 2}, "")
    main()
    assert "lad: its cells begin 2.0 px down and -3.0 px across; moved onto the grid" in capsys.readouterr().out
    found = read_record(project / "outputs/finished/lad.png")
    assert found is not None
    assert found["finish"]["grid"]["start"] == pytest.approx([2, -3], abs=0.1)
    assert found["finish"]["grid"]["cells"] == [24, 24]
    other = read_record(project / "outputs/finished/lady.png")
    assert other is not None
    assert "grid" not in other["finish"], "as expected"


def test_colours_are_reported(project):
    main()
    colours = FinishedColours.read().root["lad"]
    found = np.unique(cells_of(project / "outputs/finished/lad.png").reshape(-1, 3), axis=0)
    assert len(colours.palette) == len(found)
    assert sum(colours.palette.values()) == 24 * 24
    assert colours.drawn_colours > len(found)


def test_same_inputs_same_bytes(project):
    main()
    first = {path.name: path.read_bytes() for path in (project / "outputs/finished").iterdir()}
    main()
    assert first == {path.name: path.read_bytes() for path in (project / "outputs/finished").iterdir()}


def test_nothing_selected_is_said(project):
    (project / "reports/select.json").unlink()
    with pytest.raises(SpriteLoraError, match=r"select\.json is missing"):
        main()


def test_no_pictures_is_said(project):
    selection(7).write()
    with pytest.raises(SpriteLoraError, match="epoch-07 holds no pictures"):
        main()
