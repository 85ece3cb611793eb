"""All pictures of an epoch: their bytes, their records, their folder."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.file import model_hash, write_lora
from sprite_lora.results.picture import pixels_hash, read_record, read_web_ui
from stages.sample.__main__ import checkpoint as checked
from stages.sample.epoch import Checkpoint, draw_epoch, picture_record, require_short_prompts, require_still_there


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_bytes_depend_on_neither_order_nor_company(sd15, make_setup, make_lora, tmp_path):
    """Epochs in another order, prompts in another order or alone, one at a time or several at once, all the same."""
    first, second = (Checkpoint(epoch, make_lora(sd15, epoch)) for epoch in (1, 2))
    setup = make_setup(sd15, scheduler="euler_a")
    for checkpoint in (Checkpoint(0), first, second):
        draw_epoch(setup, checkpoint, tmp_path / f"forth-{checkpoint.epoch}", at_once=1)
    prompts = dict(reversed(setup.sample.prompts.items()))
    turned = make_setup(sd15, scheduler="euler_a", prompts=prompts)
    for checkpoint in (second, first, Checkpoint(0)):
        draw_epoch(turned, checkpoint, tmp_path / f"back-{checkpoint.epoch}", at_once=4)
    for epoch in (0, 1, 2):
        assert contents(tmp_path / f"forth-{epoch}") == contents(tmp_path / f"back-{epoch}")
    alone = make_setup(sd15, scheduler="euler_a", prompts={"lad": prompts["lad"]})
    draw_epoch(alone, second, tmp_path / "alone", at_once=2)
    assert contents(tmp_path / "alone")["lad.png"] == contents(tmp_path / "forth-2")["lad.png"]
    pictures = [contents(tmp_path / f"forth-{epoch}")["lad.png"] for epoch in (0, 1, 2)]
    assert len(set(pictures)) == 3


def test_threads_of_the_caller_change_no_byte(sd15, make_setup, tmp_path):
    draw_epoch(make_setup(sd15), Checkpoint(0), tmp_path / "one", at_once=2)
    torch.set_num_threads(4)
    try:
        draw_epoch(make_setup(sd15), Checkpoint(0), tmp_path / "four", at_once=2)
    finally:
        torch.set_num_threads(1)
    assert contents(tmp_path / "one") == contents(tmp_path / "four")


def test_picture_says_what_made_it(sd15, make_setup, make_lora, tmp_path):
    path = make_lora(sd15, 3)
    setup = make_setup(sd15, clip_skip=2)
    (lady, _) = draw_epoch(setup, Checkpoint(3, path, model_hash(path), "f1" * 32), tmp_path, at_once=1)
    assert Image.open(lady).size == (64, 64)
    assert read_record(lady) == {
        "stage": "sample",
        "name": "lady",
        "epoch": 3,
        "checkpoint": model_hash(path),
        "fingerprint": "f1" * 32,
        "base": "ba5e" * 16,
        "vae": None,
        "prompt": setup.sample.prompts["lady"],
        "negative_prompt": "blurry",
        "seed": 42,
        "steps": 3,
        "guidance_scale": 5.0,
        "scheduler": "ddim",
        "network_mul": 1.0,
        "resolution": 64,
        "max_token_length": 75,
        "clip_skip": 2,
        "finite": True,
        "pixels": pixels_hash(Image.open(lady)),
    }
    said = read_web_ui(lady)
    assert (said.prompt, said.negative_prompt) == (setup.sample.prompts["lady"], "blurry")
    assert said.settings == {
        "Steps": "3",
        "Sampler": "DDIM",
        "CFG scale": "5",
        "Seed": "42",
        "Size": "64x64",
        "Model hash": "ba5eba5eba",
        "Model": "tiny",
        "Clip skip": "2",
        "Lora hashes": f"punk-000003: {model_hash(path)[:12]}",
    }


def test_a_checkpoint_that_is_not_what_it_says_draws_nothing(tmp_path, capsys):
    path = tmp_path / "punk.safetensors"
    tensors = {"lora_unet_a.lora_up.weight": torch.ones(2, 2)}
    write_lora(path, tensors, {"sprite_lora": json.dumps({"epoch": 2, "fingerprint": "f1"})})
    assert checked(2, path) == Checkpoint(2, path, model_hash(path), "f1")
    with pytest.raises(SpriteLoraError, match="is the checkpoint of epoch 2, not 1"):
        checked(1, path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(SpriteLoraError, match=r"punk\.safetensors is damaged"):
        checked(2, path)
    assert capsys.readouterr().out == ""
    save_file(tensors, path)
    assert checked(1, path).fingerprint is None
    assert "states no sshs_model_hash" in capsys.readouterr().out


def test_base_pictures_name_no_checkpoint(sd15, make_setup, tmp_path):
    (lady, _) = draw_epoch(make_setup(sd15), Checkpoint(0), tmp_path, at_once=1)
    record = read_record(lady)
    assert (record["epoch"], record["checkpoint"], record["fingerprint"]) == (0, None, None)
    assert "Lora hashes" not in read_web_ui(lady).settings


def test_record_names_no_place_and_no_time(sd15, make_setup, make_lora, tmp_path):
    (lady, _) = draw_epoch(make_setup(sd15), Checkpoint(1, make_lora(sd15, 1), "ab"), tmp_path, at_once=1)
    text = json.dumps(read_record(lady)) + str(read_web_ui(lady))
    assert "/" not in text.replace("24x24", "")


def test_broken_lora_shows_black_and_says_so(sd15, make_setup, make_lora, tmp_path, capsys):
    path = make_lora(sd15, 4)
    tensors = load_file(path)
    broken = tmp_path / "broken.safetensors"
    save_file({name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items()}, broken)
    (lady, _) = draw_epoch(make_setup(sd15), Checkpoint(1, broken), tmp_path / "out", at_once=1)
    assert np.asarray(Image.open(lady)).max() == 0
    assert read_record(lady)["finite"] is False
    assert "epoch 01, lady: not all numbers were finite" in capsys.readouterr().out


def test_leftovers_are_removed(sd15, make_setup, tmp_path):
    (tmp_path / "gone.png").write_bytes(b"a prompt that is no more")
    (tmp_path / ".lady.png.x1y2.tmp").write_bytes(b"half a pic")
    draw_epoch(make_setup(sd15), Checkpoint(0), tmp_path, at_once=1)
    assert sorted(contents(tmp_path)) == ["lad.png", "lady.png"]


def test_several_seeds_each_draw_what_they_draw_alone(sd15, make_setup, tmp_path):
    alone = {}
    for seed in (42, 7):
        draw_epoch(make_setup(sd15, seed=seed), Checkpoint(0), tmp_path / str(seed), at_once=2)
        alone[seed] = contents(tmp_path / str(seed))
    setup = make_setup(sd15, seeds=[42, 7])
    draw_epoch(setup, Checkpoint(0), tmp_path / "42", at_once=2)
    found = sorted((tmp_path / "42").iterdir())
    assert [path.name for path in found] == ["lad.42.png", "lad.7.png", "lady.42.png", "lady.7.png"], "lad.png is gone"
    for path in found:
        record = read_record(path)
        name, seed = setup.sample.pictures[path.stem]
        (tmp_path / "alone.png").write_bytes(alone[seed][f"{name}.png"])
        assert np.array_equal(Image.open(path), Image.open(tmp_path / "alone.png"))
        assert record == read_record(tmp_path / "alone.png") | {"name": path.stem}
        assert (record["seed"], read_web_ui(path).settings["Seed"]) == (seed, str(seed))
    assert len({path.read_bytes() for path in found}) == 4
    draw_epoch(make_setup(sd15, seeds=[7]), Checkpoint(0), tmp_path / "42", at_once=2)
    assert contents(tmp_path / "42") == alone[7], "one seed, whichever key names it: the same bytes"


def test_prompt_that_would_be_cut_is_refused(sd15, make_setup):
    long = "pixel art, " * 40
    with pytest.raises(SpriteLoraError, match=r"`long` has 120 tokens, train.max_token_length is 75"):
        require_short_prompts(make_setup(sd15, prompts={"long": long}))
    with pytest.raises(SpriteLoraError, match="negative_prompt"):
        require_short_prompts(make_setup(sd15, negative_prompt=long))
    require_short_prompts(make_setup(sd15, prompts={"long": long}, max_token_length=150))


def test_orphan_stops_when_its_pictures_are_deleted(tmp_path):
    there, gone = tmp_path / "a.png", tmp_path / "b.png"
    there.touch()
    require_still_there([there])
    with pytest.raises(SpriteLoraError, match=r"b\.png was deleted"):
        require_still_there([there, gone])


def test_too_little_memory_names_what_helps(sd15, make_setup, tmp_path, monkeypatch):
    def fail(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    monkeypatch.setattr("stages.sample.epoch.draw", fail)
    with pytest.raises(SpriteLoraError) as caught:
        draw_epoch(make_setup(sd15), Checkpoint(0), tmp_path / "out", at_once=1)
    assert "the GPU's memory is not enough for pictures of 64 px: CUDA out of memory." in str(caught.value)
    assert "train.mixed_precision" in str(caught.value)


def test_pictures_are_decoded_with_the_named_autoencoder(make_setup, sd15, tmp_path):
    """The same latents, another decoder; the picture's record names it."""
    from diffusers import AutoencoderKL

    from sprite_lora.bases.base_model import load_base
    from sprite_lora.bases.drawing import draw

    torch.manual_seed(9)
    other = AutoencoderKL.from_config(AutoencoderKL.load_config(sd15 / "vae"))
    other.save_pretrained(tmp_path)
    plain = make_setup(sd15)
    setup = replace(plain, base=load_base(sd15, vae=tmp_path), vae_hash="vae5")
    drawing = setup.drawing("lady")
    assert not np.array_equal(draw(setup.base, drawing)[0], draw(plain.base, drawing)[0])
    same = replace(plain, base=replace(plain.base, vae=setup.base.vae))
    assert np.array_equal(draw(setup.base, drawing)[0], draw(same.base, drawing)[0])
    assert picture_record(setup, Checkpoint(0), "lady")["vae"] == "vae5"
    assert picture_record(plain, Checkpoint(0), "lady")["vae"] is None
