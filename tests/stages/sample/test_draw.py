"""A picture is the one that plain diffusers draws with the same noise, prompt and settings."""

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)

from sprite_lora.bases.drawing import decode, draw, draw_in_turn, needs_turns
from sprite_lora.bases.samplers import SAMPLERS
from sprite_lora.lora.network import applied
from stages.sample.epoch import Checkpoint

REFERENCE = {
    "ddim": lambda config: DDIMScheduler.from_config(config),
    "euler": lambda config: EulerDiscreteScheduler.from_config(config),
    "euler_a": lambda config: EulerAncestralDiscreteScheduler.from_config(config),
    "dpm++_2m": lambda config: DPMSolverMultistepScheduler.from_config(config),
}
"""DPM++ 2M is what DPMSolverMultistepScheduler is by default."""


def picture(setup, name):
    return draw(setup.base, setup.drawing(name))


def by_diffusers(kind, folder, setup, name, **more):
    sample = setup.sample
    pipeline = kind.from_pretrained(folder, local_files_only=True)
    pipeline.scheduler = REFERENCE[sample.scheduler](pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline(
        sample.prompts[name],
        negative_prompt=sample.negative_prompt,
        num_inference_steps=sample.steps,
        guidance_scale=sample.guidance_scale,
        height=setup.resolution,
        width=setup.resolution,
        generator=torch.Generator().manual_seed(sample.seed),
        output_type="np",
        **more,
    ).images[0]
    return (drawn * 255).round()


def assert_same_picture(ours, theirs):
    assert ours.std() > 5, "a flat picture would be equal to anything"
    assert np.abs(ours.astype(float) - theirs).max() <= 1


@pytest.mark.parametrize("scheduler", SAMPLERS)
def test_sd15_is_diffusers_picture(sd15, make_setup, scheduler):
    setup = make_setup(sd15, scheduler=scheduler, steps=5)
    ours, finite = picture(setup, "lady")
    assert finite
    assert_same_picture(ours, by_diffusers(StableDiffusionPipeline, sd15, setup, "lady"))


def test_schedulers_and_prompts_draw_different_pictures(sd15, make_setup):
    pictures = [picture(make_setup(sd15, scheduler=scheduler, steps=5), "lady")[0] for scheduler in REFERENCE]
    pictures.append(picture(make_setup(sd15, steps=5), "lad")[0])
    assert len({picture.tobytes() for picture in pictures}) == 5


def test_sdxl_is_diffusers_picture_with_its_pooled_text_and_sizes(sdxl, make_setup):
    setup = make_setup(sdxl)
    ours, _ = picture(setup, "lady")
    assert_same_picture(ours, by_diffusers(StableDiffusionXLPipeline, sdxl, setup, "lady"))
    other_size = by_diffusers(StableDiffusionXLPipeline, sdxl, setup, "lady", original_size=(512, 512))
    assert np.abs(ours - other_size).max() > 1, "the size conditioning acts on nothing here"


def test_guidance_of_one_asks_for_no_negative(sd15, make_setup):
    setup = make_setup(sd15, guidance_scale=1.0)
    ours, _ = picture(setup, "lady")
    assert_same_picture(ours, by_diffusers(StableDiffusionPipeline, sd15, setup, "lady"))
    assert np.array_equal(ours, picture(make_setup(sd15, guidance_scale=1.0, negative_prompt="red"), "lady")[0])


def test_lora_of_strength_0_is_the_base(sd15, make_setup, make_lora):
    checkpoint = Checkpoint(1, make_lora(sd15, 1))
    without, weak, full = (make_setup(sd15, network_mul=strength) for strength in (1.0, 0.0, 1.0))
    plain, _ = picture(without, "lady")
    with applied(weak.base, checkpoint.path, weak.sample.network_mul):
        assert np.array_equal(picture(weak, "lady")[0], plain)
    with applied(full.base, checkpoint.path, full.sample.network_mul):
        assert not np.array_equal(picture(full, "lady")[0], plain)
    assert np.array_equal(picture(full, "lady")[0], plain), "the base is not as it was"


def test_v_prediction_is_the_trainers_word(sd15, make_setup):
    assert not np.array_equal(
        picture(make_setup(sd15, v_prediction=True), "lady")[0], picture(make_setup(sd15), "lady")[0]
    )


def test_prompt_is_read_beyond_75_tokens(sd15, make_setup):
    start = ", ".join(["pixel art, 24x24", *["sharp pixel edges"] * 20])
    prompts = {"red": f"{start}, red background", "blue": f"{start}, blue background"}
    windows = make_setup(sd15, prompts=prompts, max_token_length=150)
    assert windows.base.tokenizer.count(start) > 75
    assert not np.array_equal(picture(windows, "red")[0], picture(windows, "blue")[0])


def test_numbers_that_are_not_finite_become_black(sd15, make_setup):
    latents = torch.zeros(1, 4, 8, 8)
    latents[..., :2] = torch.nan
    pixels, finite = decode(make_setup(sd15).base.vae, latents)
    assert not finite
    assert pixels.dtype == np.uint8
    assert (pixels[:, 0] == 0).all()


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_drawn_in_turn_with_parts_moved_away_it_is_the_same_picture(request, make_setup, monkeypatch, family):
    """For GPUs on which not all parts fit. A CPU shows the order of the moves, not the memory that they save."""
    setup = make_setup(request.getfixturevalue(family))
    base, drawings = setup.base, [setup.drawing(name) for name in setup.sample.prompts]
    plain = [draw(base, drawing) for drawing in drawings]
    moves = []
    named = {"unet": base.unet, "vae": base.vae, **{f"text {n}": part for n, part in enumerate(base.text_encoders)}}
    for name, part in named.items():
        monkeypatch.setattr(part, "to", lambda place, name=name: moves.append((name, str(place))))
    in_turn = draw_in_turn(base, drawings)
    assert all(np.array_equal(one[0], two[0]) and one[1] == two[1] for one, two in zip(in_turn, plain, strict=True))
    texts = [name for name in named if name.startswith("text")]
    away = [(name, "cpu") for name in (*texts, "vae")]
    assert moves[: len(away) + 2] == [*away, ("unet", "cpu"), ("vae", "cpu")]
    assert {name for name, _ in moves[len(away) + 2 :]} == set(named), "and home again"


def test_a_cpu_needs_no_turns(sd15, make_setup):
    assert not needs_turns(make_setup(sd15).base, 10_000)
