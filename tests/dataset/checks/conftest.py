"""A few sprites with captions, the settings that the default params make, and CLIP's tokenizer."""

import pytest
from PIL import Image
from places import ROOT
from small_set import SmallSet, sprite

from sprite_lora.dataset.checks.caption_rule import CheckSettings
from sprite_lora.dataset.checks.sprites import check_sprite
from sprite_lora.dataset.tokens import load_tokenizer


@pytest.fixture
def small_set(tmp_path):
    """Eight clean pairs."""
    made = SmallSet(tmp_path)
    made.fill()
    return made


@pytest.fixture(scope="session")
def clip():
    return load_tokenizer(ROOT / "models/nano")


@pytest.fixture
def green(tmp_path):
    """The sprite of a face on green."""
    Image.fromarray(sprite((48, 148, 72), 0)).save(tmp_path / "a.png")
    return check_sprite(tmp_path / "a.png", 24, (255, 255, 255)).sprite


@pytest.fixture(scope="session")
def settings():
    return CheckSettings(
        art_pixels=24, background=(255, 255, 255), trigger=("pixel art", "24x24"), hex_tolerance=0,
        max_token_length=75, shuffle_caption=True, base=ROOT / "models/nano",
    )  # fmt: skip
