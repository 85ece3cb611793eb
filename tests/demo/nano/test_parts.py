"""What the base model learns from, and how its autoencoder starts."""

import copy
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from torch import nn

from demo.nano.architecture import new_autoencoder
from demo.nano.captions import facts, varied
from demo.nano.colour_road import lay_road
from demo.nano.mosaics import mosaic, rectangles
from demo.nano.progress import resumable
from demo.portraits.persona import BACKGROUNDS, personas
from demo.portraits.smooth import draw


def border_share(picture: np.ndarray) -> float:
    on = total = 0.0
    for axis in (0, 1):
        steps = np.square(np.diff(picture.astype(float), axis=axis)).sum(axis=(1 - axis, 2))
        on, total = on + steps[7::8].sum(), total + steps.sum()
    return on / total


def test_smooth_portraits_have_no_grid_and_the_named_background() -> None:
    for number, someone in enumerate(personas(12, 5)):
        picture = draw(someone, number)
        assert picture.shape == (192, 192, 3)
        assert border_share(picture) < 0.18  # One step in eight lies on a border by chance: 0.125.
        if someone.background_kind == "solid":
            rim = np.median(picture[:8].reshape(-1, 3), axis=0)
            assert np.abs(rim - BACKGROUNDS[someone.background]).max() < 40


def test_a_portrait_is_a_function_of_persona_and_seed() -> None:
    someone = personas(1, 5)[0]
    assert (draw(someone, 3) == draw(someone, 3)).all()
    assert (draw(someone, 3) != draw(someone, 4)).any()


def test_mosaics_are_flat_in_each_block() -> None:
    for seed in range(5):
        picture = mosaic(np.random.default_rng(seed), 64)
        assert picture.shape == (3, 64, 64)
        assert np.abs(picture).max() <= 1
        assert border_share(picture.transpose(1, 2, 0)) == 1.0
    assert rectangles(np.random.default_rng(0), 64).shape == (3, 64, 64)


@torch.no_grad()
def test_the_start_of_the_autoencoder_carries_blocks_before_any_training() -> None:
    torch.manual_seed(0)
    autoencoder = new_autoencoder()
    lay_road(autoencoder, gain=1.8)
    pixels = torch.from_numpy(mosaic(np.random.default_rng(1), 64))[None]
    drawn = autoencoder.decode(autoencoder.encode(pixels).latent_dist.mean).sample
    assert (drawn - pixels).square().mean() < 4 * 10 ** (-35 / 10)


def test_captions_vary_and_keep_their_facts() -> None:
    someone = personas(1, 5)[0]
    pairs = [varied(someone, Random(seed), ["otter", "brass"]) for seed in range(200)]
    texts = [text for text, _ in pairs]
    assert len(set(texts)) > 100
    assert 10 <= texts.count("") <= 40
    assert not any("pixel" in text for text in texts)
    for text, tags in pairs:
        assert all(tag in text for tag in tags)


def test_facts_bind_words_to_nouns() -> None:
    said = facts(["purple long hair", "solid green background", "freckles"])
    assert said == {"purple|hair", "long|hair", "solid|background", "green|background", "some|freckles"}


def test_a_part_that_was_stopped_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    def trained(work: Path, stop: int | None) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        average = copy.deepcopy(model).requires_grad_(False)

        def loss(step: int) -> torch.Tensor:
            if step == stop:
                raise KeyboardInterrupt
            torch.manual_seed(step)
            return model(torch.randn(4, 3)).square().mean()

        resumable(work, "part", model, average, loss, 410, peak=1e-2, decay=0.9, say=lambda line: None)
        return [*model.parameters(), *average.parameters()]

    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole = trained(tmp_path / "whole", None)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "halves", 250)
    again = trained(tmp_path / "halves", None)
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
