"""The runs of the past: what their files say, and what the notes about them missed."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.tokens import clip_tokenizer
from sprite_lora.results.changes import Changes, compare
from tools.drift.history import read_history
from tools.drift.sources import read_facts

NAMES = ("sd15_perfect", "sd15_bespoke_baby", "sdxl_current", "sdxl_fixed")


def drift(folder: Path, a: str, b: str, captions: Path | None = None) -> Changes:
    tokenizer = clip_tokenizer() if captions else None
    return compare(*(read_facts(str(folder / f"{name}.yaml"), captions) for name in (a, b)), tokenizer)


def test_all_four_are_there_and_sound(history: Path) -> None:
    assert {path.stem for path in history.glob("*.yaml")} == set(NAMES)
    for name in NAMES:
        path = history / f"{name}.yaml"
        assert read_history(path, yaml.safe_load(path.read_text())).run == name


def test_the_success_against_the_failure(history: Path) -> None:
    """Every effective difference of the notes' tables, none that is equal in effect, and those that they missed."""
    result = drift(history, "sd15_perfect", "sdxl_current")
    rows = {row.name: (row.a, row.b) for row in result.changed}
    noted = {
        "base model", "network_dim", "network_alpha", "resolution", "train_batch_size", "mixed_precision",
        "multires_noise_iterations", "adaptive_noise_scale", "shuffle_caption", "keep_tokens", "max_token_length",
    }  # fmt: skip
    missed = {"save_precision", "max_data_loader_n_workers"}
    assert rows.keys() == noted | missed
    assert rows["max_token_length"] == ("225", "75 (not given)")
    assert rows["save_precision"] == ("fp16", "float (not given)")
    unknown = {row.name for row in result.unknown}
    assert {"enable_bucket", "bucket_no_upscale", "num_repeats"} <= unknown
    assert "multires_noise_discount" not in rows.keys() | unknown
    assert result.verdict.startswith("13 effective changes")
    assert (result.captions.answer, result.prompts.answer) == ("different", "different")


def test_its_captions_and_the_cut(history: Path, caption_versions: Path) -> None:
    captions = drift(history, "sd15_perfect", "sdxl_current", caption_versions).captions
    assert captions.cut_a
    assert captions.cut_b
    assert (captions.cut_a.tokens_median, captions.cut_a.cut, captions.cut_a.limit) == (144, 0, 225)
    assert (captions.cut_b.tokens_median, captions.cut_b.cut, captions.cut_b.limit) == (199, 203, 75)
    assert (captions.changed, captions.hex_codes) == (203, (2071, 3562))


def test_its_prompts(history: Path, caption_versions: Path) -> None:
    notes = " ".join(drift(history, "sd15_perfect", "sdxl_current", caption_versions).prompts.notes)
    assert "second run: 4 of 4 prompts lack `pixel art, 24x24`" in notes
    assert "no caption has: baby" in notes
    assert "first run: 8 of 8" not in notes


def test_hashes_are_those_of_the_captions(history: Path, caption_versions: Path) -> None:
    from sprite_lora.results.caption_changes import set_hash

    for name in NAMES:
        captions = yaml.safe_load((history / f"{name}.yaml").read_text())["captions"]
        if captions.get("sha256"):
            folder = caption_versions / captions["version"]
            assert set_hash({file.stem: file.read_text() for file in folder.glob("*.txt")}) == captions["sha256"]


def test_what_is_not_known_of_the_other_failure_is_not_equal(history: Path) -> None:
    result = drift(history, "sd15_perfect", "sd15_bespoke_baby")
    assert result.changed == ()
    unknown = {row.name: row.b for row in result.unknown}
    assert unknown["network_dim"].startswith("unknown: perhaps 32 or 64; ")
    assert unknown["max_token_length"] == "unknown"
    assert {"base model", "save_precision", "shuffle_caption"} <= unknown.keys()


def test_the_plan_would_have_changed_less(history: Path) -> None:
    rows = {row.name for row in drift(history, "sd15_perfect", "sdxl_fixed").changed}
    assert rows == {
        "base model", "resolution", "train_batch_size", "mixed_precision", "save_precision",
        "max_data_loader_n_workers",
    }  # fmt: skip


def test_no_names_of_people(history: Path) -> None:
    text = " ".join(path.read_text() for path in history.glob("*.yaml"))
    assert not re.search(r"@|/home/|/Users/|runpod", text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"unlisted": "maybe", "given": {}}}, "settings.unlisted"),
        ({"settings": {"unlisted": "default", "given": {"dim": 3}}}, "`dim` is no setting"),
        ({"settings": {"unlisted": "default", "given": {"seed": 3}, "not_given": ["seed"]}}, "more than one"),
        ({"wishes": []}, "wishes"),
        ({"trainer": "another"}, "trainer"),
    ],
)
def test_files_of_another_form_are_refused(history: Path, change: dict[str, Any], message: str) -> None:
    content = copy.deepcopy(yaml.safe_load((history / "sdxl_fixed.yaml").read_text())) | change
    with pytest.raises(SpriteLoraError, match=message):
        read_history(Path("x.yaml"), content)
