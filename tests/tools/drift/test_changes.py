"""Two runs against each other: what counts, what is only written differently, what is not known."""

import copy
from pathlib import Path
from typing import Any

import pytest

from sprite_lora.dataset.tokens import clip_tokenizer
from sprite_lora.results.changes import Changes, compare
from sprite_lora.results.run_facts import Captions, RunFacts, from_params

TEXTS = {"a": "pixel art, 24x24, red hair", "b": "pixel art, 24x24, blue hair"}


def facts(params: dict[str, Any], texts: dict[str, str] | None = None) -> RunFacts:
    return from_params(params, "one", "a test", Captions(texts=texts or TEXTS, version="captions"))


def changed(params: dict[str, Any], **sections: dict[str, Any]) -> Changes:
    other = copy.deepcopy(params)
    for section, values in sections.items():
        other[section].update(values)
    return compare(facts(params), facts(other))


def test_equal_params_have_no_changes(params: dict[str, Any]) -> None:
    result = changed(params)
    assert (result.changed, result.unknown, result.without_effect, result.others) == ((), (), (), ())
    assert result.verdict == "0 effective changes; captions: same; prompts: same"


def test_a_changed_knob_is_shown_with_both_values_and_its_group(params: dict[str, Any]) -> None:
    (row,) = changed(params, train={"network_dim": 64}).changed
    assert (row.name, row.group, row.a, row.b) == (
        "network_dim",
        "architecture",
        str(params["train"]["network_dim"]),
        "64",
    )
    assert row.effect


def test_groups_come_in_their_order_and_are_counted(params: dict[str, Any]) -> None:
    result = changed(params, train={"seed": 7, "network_dim": 64, "noise_offset": 0.2}, package={"num_repeats": 3})
    assert [row.name for row in result.changed] == ["network_dim", "noise_offset", "num_repeats", "seed"]
    assert result.verdict.startswith(
        "4 effective changes (1 architecture, 1 noise and regularisation, 1 captions and data, 1 duration)"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"noise_offset": None}, {"noise_offset": 0}),
        ({"network_alpha": 8}, {"network_alpha": 8.0}),
        ({"save_precision": None}, {"save_precision": "float"}),
        ({"unet_lr": None, "learning_rate": 1e-3}, {"unet_lr": 0.001, "learning_rate": 1e-3}),
        ({"optimizer_type": "AdamW"}, {"optimizer_type": "adamw"}),
    ],
)
def test_two_ways_to_write_one_value(params: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    params["train"].update(before)
    assert changed(params, train=after).changed == ()


def test_what_does_nothing_on_both_sides_is_not_counted(params: dict[str, Any]) -> None:
    params["train"].update(shuffle_caption=False, keep_tokens=2, multires_noise_iterations=None)
    result = changed(params, train={"keep_tokens": 5, "multires_noise_discount": 0.8})
    assert result.changed == ()
    assert {row.name for row in result.without_effect} == {"keep_tokens", "multires_noise_discount"}
    assert all("does nothing" in row.note for row in result.without_effect)


def test_speed_is_not_counted(params: dict[str, Any]) -> None:
    result = changed(params, train={"gradient_checkpointing": not params["train"]["gradient_checkpointing"]})
    assert (result.changed, [row.name for row in result.without_effect]) == ((), ["gradient_checkpointing"])


def test_a_learning_rate_that_both_parts_override(params: dict[str, Any]) -> None:
    params["train"].update(unet_lr=1e-4, text_encoder_lr=1e-5)
    result = changed(params, train={"learning_rate": 0.5})
    assert (result.changed, [row.name for row in result.without_effect]) == ((), ["learning_rate"])


def test_alpha_tells_its_ratio(params: dict[str, Any]) -> None:
    params["train"].update(network_dim=32, network_alpha=16)
    alpha = next(
        row for row in changed(params, train={"network_dim": 128, "network_alpha": 64}).changed if "alpha" in row.name
    )
    assert alpha.note == "alpha/dim 0.5 -> 0.5: unchanged"


def test_sampling_counts_and_later_stages_do_not(params: dict[str, Any]) -> None:
    result = changed(params, sample={"guidance_scale": 9.0}, finish={"enlarge": [8]})
    assert [row.name for row in result.changed] == ["sample.guidance_scale"]
    assert [row.name for row in result.others] == ["finish.enlarge"]


def test_captions_are_counted_and_the_largest_change_comes_first(params: dict[str, Any]) -> None:
    other = {"a": "pixel art, 24x24, red hairs", "b": "pixel art, 24x24, something else altogether", "c": "new"}
    drift = compare(facts(params), facts(params, other)).captions
    assert (drift.answer, drift.changed, drift.unchanged, drift.added, drift.removed) == ("different", 2, 0, 1, 0)
    assert [change.stem for change in drift.largest] == ["b", "a"]
    assert drift.tags_gone == {"blue hair": 1, "red hair": 1}


def test_more_than_the_first_line_is_no_change(params: dict[str, Any]) -> None:
    other = TEXTS | {"a": TEXTS["a"] + "\nkohya never reads this"}
    assert compare(facts(params), facts(params, other)).captions.answer == "same"


def test_captions_that_are_cut_are_counted(params: dict[str, Any]) -> None:
    long = {"a": ", ".join(["hair"] * 60), "b": "short"}
    drift = compare(facts(params), facts(params, long), clip_tokenizer()).captions
    assert drift.cut_b is not None
    assert (drift.cut_b.tokens_most, drift.cut_b.cut, drift.cut_b.limit) == (119, 1, 75)


def test_prompts_by_their_texts_and_against_the_captions(params: dict[str, Any]) -> None:
    params["sample"]["prompts"] = {"x": "pixel art, 24x24, red hair"}
    other = copy.deepcopy(params)
    other["sample"]["prompts"] = {"y": "pixel art, 24x24, red hair", "z": "portrait of a baby, blue hair"}
    drift = compare(facts(params), facts(other)).prompts
    assert (drift.answer, drift.both, drift.b_alone) == (
        "different",
        ("pixel art, 24x24, red hair",),
        ("portrait of a baby, blue hair",),
    )
    assert any("1 of 2 prompts lack `pixel art, 24x24`" in note for note in drift.notes)
    assert any(note.endswith("baby, of, portrait") or "baby" in note for note in drift.notes)


def test_prompts_of_another_name_are_the_same_prompts(params: dict[str, Any]) -> None:
    other = copy.deepcopy(params)
    other["sample"]["prompts"] = {f"other_{name}": text for name, text in params["sample"]["prompts"].items()}
    assert compare(facts(params), facts(other)).prompts.answer == "same"


def test_captions_that_nobody_knows_are_not_the_same(params: dict[str, Any]) -> None:
    result = compare(facts(params), from_params(params, "two", "a test"))
    assert result.captions.answer == "unknown"
    assert [row.name for row in result.unknown] == ["num_train_images"]


def test_another_autoencoder_counts_and_an_empty_folder_is_none(params: dict[str, Any], tmp_path: Path) -> None:
    (row,) = changed(params, paths={"vae": "models/ft-mse.safetensors"}).changed
    assert (row.name, row.b) == ("vae", "ft-mse.safetensors")
    assert not changed(params, paths={"vae": str(tmp_path)}).changed


def test_rates_of_text_encoders_are_compared_as_a_list(params: dict[str, Any]) -> None:
    (row,) = changed(params, train={"text_encoder_lr": [1e-4, 2e-5]}).changed
    assert (row.name, row.b) == ("text_encoder_lr", "[0.0001, 2e-05]")
    assert not changed(params, train={"text_encoder_lr": [params["train"]["text_encoder_lr"]]}).changed
