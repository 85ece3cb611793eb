"""The rules on prompts, without params.yaml."""

import pytest

from sprite_lora.dataset.checks.census import Census, order
from sprite_lora.dataset.checks.prompts import Prompt, check_prompt, check_prompt_length

TRIGGER = ("pixel art", "24x24")
CAPTIONS = [
    f"pixel art, 24x24, {hair} hair, {eyes} eyes" for hair in ("red", "black") for eyes in ("blue", "green")
] * 2


@pytest.fixture
def census():
    counted = Census()
    for caption in CAPTIONS:
        counted.add(caption)
    return counted


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("pixel art, 24x24, red hair, green eyes", []),
        ("24x24, red hair", ["prompt-trigger"]),
        ("pixel art, 24x24, red hat", ["prompt-unseen"]),
        ("pixel art, 24x24, green eyes, red hair", ["prompt-form"]),
        ("Pixel art, 24x24, red hair", ["prompt-trigger"]),
    ],
)
def test_rules(text, rules, census):
    found = list(check_prompt(Prompt("one", text, "command line"), TRIGGER, census, order(CAPTIONS, census)))
    assert [case.rule for case in found] == rules
    assert all(case.file == "command line" and case.message.startswith('prompt "one"') for case in found)


def test_shuffled_tags_have_no_order(census):
    prompt = Prompt("one", "pixel art, 24x24, green eyes, red hair", "")
    assert list(check_prompt(prompt, TRIGGER, census, None)) == []


def test_without_captions_only_the_trigger_counts():
    assert list(check_prompt(Prompt("one", "pixel art, 24x24, zebra", ""), TRIGGER, Census(), None)) == []


def test_length(clip):
    prompt = Prompt("one", "red hair, " * 30, "params.yaml:7")
    (case,) = check_prompt_length(prompt, clip, 75)
    assert (case.rule, case.file) == ("prompt-truncated", "params.yaml:7")
    assert list(check_prompt_length(prompt, clip, 150)) == []
