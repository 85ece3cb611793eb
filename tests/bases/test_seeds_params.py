"""Names and seeds of the pictures that an epoch draws."""

import pytest
from pydantic import ValidationError

from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core.params import LONGEST_STEM


def section(**changes):
    content = {
        "seed": 42, "steps": 1, "guidance_scale": 1, "scheduler": "ddim", "negative_prompt": "", "network_mul": 1,
        "prompts": {"lady-7": "a lady", "lady": "another lady"},
    }  # fmt: skip
    return SampleSeeds.model_validate(content | changes)


@pytest.mark.parametrize(("changes", "seed"), [({}, 42), ({"seeds": []}, 42), ({"seeds": [7]}, 7)])
def test_one_seed_leaves_names_as_they_are(changes, seed):
    assert section(**changes).pictures == {"lady-7": ("lady-7", seed), "lady": ("lady", seed)}


def test_several_seeds_have_names_that_cannot_clash():
    assert section(seeds=[7, 8]).pictures == {
        "lady-7.7": ("lady-7", 7), "lady-7.8": ("lady-7", 8), "lady.7": ("lady", 7), "lady.8": ("lady", 8),
    }  # fmt: skip
    with pytest.raises(ValidationError, match="prompts"):
        section(prompts={"lady.7": "no name of a prompt"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": [7, 8, 7]}, "holds a seed twice"),
        ({"seeds": [1, -1]}, "greater than or equal to 0"),
        ({"seeds": [1, 10], "prompts": {"x" * (LONGEST_STEM - 2): "a"}}, "more than 100 characters"),
    ],
)
def test_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        section(**changes)


def test_the_longest_name_fits():
    assert max(map(len, section(seeds=[1, 10], prompts={"x" * (LONGEST_STEM - 3): "a"}).pictures)) == LONGEST_STEM
