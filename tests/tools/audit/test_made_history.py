"""A history of our own making, with what went wrong in the real one: what audit says of it, on every machine."""

from typing import Any

import pytest

from tools.audit.inventory import take_inventory
from tools.audit.listing import read_listing

LISTING = """kind,path,size,modified
checkpoint,knights_sd15-000001.safetensors,36M,2025-03-02T10:00
checkpoint,knights_sd15-000003.safetensors,36M,2025-03-02T10:00
checkpoint,knights_sd15-000004.safetensors,36M,2025-03-02T10:30
checkpoint,knights_sd15.safetensors,36M,2025-03-02T10:31
checkpoint,wizards_sdxl-000001.safetensors,1.7G,2025-03-03T10:00
checkpoint,wizards_sdxl-000002.safetensors,1.7G,2025-03-03T10:20
checkpoint,wizards_sdxl-000003.safetensors,1.7G,2025-03-03T10:40
captions,captions/first,,2025-03-01T08:00
captions,captions/second,,2025-03-02T09:00
captions,captions/third,,2025-03-03T09:00
captions,captions/fourth,,2025-03-04T09:00
outputs,test_outputs_knights_epoch1,,2025-03-01T12:00
outputs,test_outputs_knights_epoch4,,2025-03-02T12:00
outputs,test_outputs_wizards_epoch2,,2025-03-03T12:00
"""


@pytest.fixture
def found(tmp_path) -> dict[str, Any]:
    listing = tmp_path / "history.csv"
    listing.write_text(LISTING)
    return take_inventory(read_listing(listing))


def test_a_size_names_every_lora_that_has_it(found):
    fits = {
        run["run"]: {(fit["base"], fit["rank"], fit["bits"]) for fit in run["size_fits"] if fit["text_encoders"]}
        for run in found["runs"]
    }
    assert fits["knights_sd15"] == {("SD1.5", 32, 16), ("SD1.5", 16, 32)}
    assert fits["wizards_sdxl"] == {("SDXL", 128, 32), ("SDXL", 256, 16)}


def test_epochs_that_are_missing_and_dates_of_copies(found):
    runs = {run["run"]: run for run in found["runs"]}
    assert runs["knights_sd15"]["epochs_missing"] == [2]
    assert runs["knights_sd15"]["last_epoch_without_number"]
    assert "copies" in runs["knights_sd15"]["dates"]
    assert (runs["wizards_sdxl"]["epochs_missing"], runs["wizards_sdxl"]["dates"]) == ([], "")


def test_pictures_are_held_to_the_checkpoints_dates(found):
    (contradiction,) = found["contradictions"]
    assert contradiction["kind"] == "picture older than its checkpoint"
    assert contradiction["subject"] == "test_outputs_knights_epoch1"
    held = {
        one["pictures"]: {match["run"] for match in one["runs"] if match["certainty"] == "possible"}
        for one in found["pictures"]
    }
    assert held["test_outputs_knights_epoch1"] == set()
    assert held["test_outputs_knights_epoch4"] == {"knights_sd15"}
    assert held["test_outputs_wizards_epoch2"] == {"wizards_sdxl"}
    assert found["orphans"]["pictures"] == ["test_outputs_knights_epoch1"]


def test_captions_are_placed_by_their_dates(found):
    placed = {
        one["captions"]: {run: match["placed"] for run, match in one["against_runs"].items()}
        for one in found["captions"]
    }
    assert placed["captions/third"] == {"knights_sd15": "after", "wizards_sdxl": "before"}
    likely = {
        run["run"]: [one["captions"] for one in run["captions"] if one["certainty"] == "likely"]
        for run in found["runs"]
    }
    assert likely == {"knights_sd15": ["captions/second"], "wizards_sdxl": ["captions/third"]}
