import numpy as np
import pytest
import torch
from PIL import Image

from sprite_lora.bases.base_model import load_base
from sprite_lora.core.errors import SpriteLoraError
from stages.train.native.batch import Posterior, encode_picture, read_picture


def test_pixels_become_minus_one_to_one(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    expected = pixels.astype(np.float64).transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(read_picture(tmp_path / "x.png", 6).numpy(), expected, atol=1e-6)


def test_latent_is_mean_and_deviation_times_noise(tiny_sd):
    base = load_base(tiny_sd)
    picture = torch.rand((3, 48, 48), generator=torch.Generator().manual_seed(0)) * 2 - 1
    posterior = encode_picture(base, picture)
    with torch.no_grad():
        theirs = base.vae.encode(picture[None]).latent_dist
    torch.testing.assert_close(posterior.mean, theirs.mean[0])
    torch.testing.assert_close(posterior.deviation, (0.5 * theirs.logvar[0]).exp())
    drawn = torch.stack([posterior.draw(0, number) for number in range(4000)])
    torch.testing.assert_close(drawn.mean(dim=0), posterior.mean, atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), posterior.deviation, atol=0.1, rtol=0.1)
    assert torch.equal(posterior.draw(0, 1), posterior.draw(0, 1))


def test_cache_keeps_one_draw_for_the_whole_run(project, make_run):
    cached, fresh = make_run(project, cache_latents=True), make_run(project, cache_latents=False)
    some = cached.pictures[:2]
    assert torch.equal(cached._latents(some, 1), cached._latents(some, 2))
    assert not torch.equal(fresh._latents(some, 1), fresh._latents(some, 2))
    assert torch.equal(fresh._latents(some, 1), fresh._latents(some, 1))
    expected = some[0].posterior.draw(42, some[0].stem) * 0.18215
    torch.testing.assert_close(cached._latents(some, 1)[0], expected)


def test_picture_of_another_size_is_refused(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "x.png")
    with pytest.raises(SpriteLoraError, match="8x6 pixels; training is at 6x6"):
        read_picture(tmp_path / "x.png", 6)


def test_unreadable_picture_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(SpriteLoraError, match=r"x\.png: not a readable PNG"):
        read_picture(tmp_path / "x.png", 6)


def test_latents_that_are_not_finite_are_refused(tiny_sd):
    """kohya's cache keeps NaN without a word, its uncached road writes 0 in their place."""
    base = load_base(tiny_sd)
    with torch.no_grad():
        base.vae.encoder.conv_in.weight.fill_(float("nan"))
    with pytest.raises(SpriteLoraError, match="not finite"):
        encode_picture(base, torch.zeros((3, 48, 48)))


def test_posterior_is_drawn_per_place():
    posterior = Posterior(torch.zeros(4, 2, 2), torch.ones(4, 2, 2))
    assert not torch.equal(posterior.draw(1, "a"), posterior.draw(1, "b"))
    assert not torch.equal(posterior.draw(1, "a"), posterior.draw(2, "a"))
