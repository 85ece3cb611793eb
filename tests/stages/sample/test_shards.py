"""Which epochs are drawn and how they are dealt out."""

import pytest
from pydantic import ValidationError

from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core.errors import SpriteLoraError
from stages.sample.shards import chosen_epochs, dealt, require_checkpoints


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, [0, 2, 4, 5]),
        (4, [4]),
        ("4", [4]),
        ("5,2", [2, 5]),
        (" 0, 4,4", [0, 4]),
        (0, [0]),
    ],
)
def test_chosen_epochs(wanted, chosen):
    assert chosen_epochs([2, 4, 5], wanted) == chosen


@pytest.mark.parametrize("wanted", [3, "2,3", "last", "-2", 2.0, "", ",", True])
def test_epoch_without_a_checkpoint_is_refused_with_the_saved_ones(wanted):
    with pytest.raises(SpriteLoraError, match=r"saved are 2, 4, 5, and 0 is the untouched base"):
        chosen_epochs([2, 4, 5], wanted)


@pytest.mark.parametrize("number", range(1, 14))
def test_epochs_are_dealt_evenly_and_completely(number):
    epochs = list(range(11))
    groups = dealt(epochs, number)
    assert [epoch for group in groups for epoch in group] == epochs
    assert len(groups) == min(number, 11)
    assert max(map(len, groups)) - min(map(len, groups)) <= 1


@pytest.mark.parametrize("number", [0, -1, "four", 1.5, True, None])
def test_number_of_shards_is_checked(number):
    with pytest.raises(SpriteLoraError, match="whole number from 1"):
        dealt([0, 1], number)


def test_missing_checkpoints_are_named_with_what_to_do(tmp_path):
    files = {1: tmp_path / "x-000001.safetensors", 2: tmp_path / "x-000002.safetensors", 3: tmp_path / "x.safetensors"}
    files[1].touch()
    assert require_checkpoints(files, [0, 1]) == [files[1]]
    with pytest.raises(
        SpriteLoraError, match=r"checkpoint .*x-000002.safetensors does not exist, nor do 1 others"
    ) as no:
        require_checkpoints(files, [0, 1, 2, 3])
    assert no.value.hint == "uv run dvc repro train"


GOOD = {
    "seed": 42,
    "steps": 20,
    "guidance_scale": 7.5,
    "scheduler": "euler_a",
    "negative_prompt": "",
    "network_mul": 1.0,
    "prompts": {"lady-1_a": "pixel art"},
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompts": {}},
        {"prompts": {"../up": "x"}},
        {"prompts": {"Lady": "x"}},
        {"prompts": {"lady": "  "}},
        {"scheduler": "magic"},
        {"steps": 0},
        {"seed": -1},
        {"guidance_scale": -1},
        {"extra": 1},
    ],
)
def test_section_refuses(wrong):
    SampleSeeds(**GOOD)
    with pytest.raises(ValidationError):
        SampleSeeds(**{**GOOD, **wrong})
