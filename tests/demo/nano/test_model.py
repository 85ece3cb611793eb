"""The embedded base model is Stable Diffusion's architecture, small, and plain diffusers draws with it offline."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from places import ROOT, SHARED

from demo.nano.build import build

NANO = ROOT / "models" / "nano"
REAL = SHARED / "real" / "images"


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded = StableDiffusionPipeline.from_pretrained(NANO, safety_checker=None, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def test_plain_diffusers_draws_a_picture_of_192_pixels(pipeline: StableDiffusionPipeline) -> None:
    drawn = pipeline("portrait of a lad", num_inference_steps=2, generator=torch.Generator().manual_seed(0))
    picture = np.asarray(drawn.images[0])
    assert picture.shape == (192, 192, 3)
    assert picture.std() > 5


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # OpenAI's own tokenizer gives these.
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("hello world", [3306, 1002]),
        ("Pixel Art, 24x24", [13241, 794, 267, 273, 275, 343, 273, 275]),
    ],
)
def test_tokens_are_clips(pipeline: StableDiffusionPipeline, text: str, ids: list[int]) -> None:
    assert pipeline.tokenizer(text).input_ids == [49406, *ids, 49407]


def test_the_slow_and_the_fast_tokenizer_agree() -> None:
    from transformers import CLIPTokenizer, CLIPTokenizerFast

    slow, fast = (
        CLIPTokenizer.from_pretrained(NANO / "tokenizer"),
        CLIPTokenizerFast.from_pretrained(NANO / "tokenizer"),
    )
    for text in ("pixel art, 24x24, dark gray hair (#a76857), it's", "retro-pixel ART style!! 12345"):
        assert slow(text).input_ids == fast(text).input_ids


def test_the_parts_are_stable_diffusions() -> None:
    index = json.loads((NANO / "model_index.json").read_text(encoding="utf-8"))
    assert {index[part][1] for part in ("text_encoder", "tokenizer", "unet", "vae")} == {
        "CLIPTextModel",
        "CLIPTokenizer",
        "UNet2DConditionModel",
        "AutoencoderKL",
    }
    schedule = json.loads((NANO / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    assert (schedule["beta_start"], schedule["beta_end"], schedule["beta_schedule"]) == (
        0.00085,
        0.012,
        "scaled_linear",
    )
    assert schedule["prediction_type"] == "epsilon"


def test_every_level_of_the_unet_offers_places_for_a_lora(pipeline: StableDiffusionPipeline) -> None:
    blocks = [name for name, part in pipeline.unet.named_modules() if type(part).__name__ == "Transformer2DModel"]
    assert {name.split(".attentions")[0] for name in blocks} == {
        *(f"down_blocks.{level}" for level in range(3)),
        "mid_block",
        *(f"up_blocks.{level}" for level in range(3)),
    }


def test_weights_are_half_precision_and_fit_the_budget() -> None:
    weights = sorted(NANO.glob("*/*.safetensors"))
    assert len(weights) == 3
    assert sum(path.stat().st_size for path in weights) <= 24 * 1024 * 1024
    for path in weights:
        header = path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")]
        assert {entry["dtype"] for name, entry in json.loads(header).items() if name != "__metadata__"} == {"F16"}


def test_no_file_names_the_machine_it_was_made_on() -> None:
    for path in NANO.glob("**/*.json"):
        assert "_name_or_path" not in path.read_text(encoding="utf-8"), path


@torch.no_grad()
def test_the_autoencoder_carries_hard_edged_cells(pipeline: StableDiffusionPipeline) -> None:
    sprites = sorted((REAL if REAL.is_dir() else ROOT / "data").glob("*.png"))[::40]
    assert sprites
    for path in sprites:
        cells = Image.open(path).convert("RGB").resize((24, 24), Image.Resampling.NEAREST)
        before = np.asarray(cells.resize((192, 192), Image.Resampling.NEAREST)).astype(np.float32)
        pixels = torch.from_numpy(before / 127.5 - 1).permute(2, 0, 1)[None]
        after = pipeline.vae.decode(pipeline.vae.encode(pixels).latent_dist.mean).sample.clamp(-1, 1)
        assert (pixels - after).square().mean() < 4 * 10 ** (-30 / 10), path.name


@pytest.mark.slow
def test_the_build_makes_a_folder_of_the_same_files_that_loads(tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "merges.txt").write_bytes((NANO / "tokenizer" / "merges.txt").read_bytes())
    build(tmp_path / "work", tmp_path, portraits=16, steps=(1, 1, 1))
    for path in NANO.glob("*/*.json"):
        assert (tmp_path / path.relative_to(NANO)).read_bytes() == path.read_bytes(), path.name
    assert (
        StableDiffusionPipeline.from_pretrained(tmp_path, safety_checker=None, local_files_only=True).unet is not None
    )
