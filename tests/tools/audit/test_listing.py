"""The real listing, and what a listing may look like."""

import os
from pathlib import Path

import pytest

from sprite_lora.core.errors import SpriteLoraError
from tools.audit.inventory import take_inventory
from tools.audit.listing import read_listing


def test_the_real_history(history: Path) -> None:
    found = take_inventory(read_listing(history))
    runs = {run["run"]: run for run in found["runs"]}
    fits = {name: {(fit["base"], fit["rank"], fit["bits"]) for fit in run["size_fits"]} for name, run in runs.items()}
    assert fits["bespoke_punks_SD15_PERFECT"] == {("SD1.5", 32, 16), ("SD1.5", 16, 32)}
    assert fits["bespoke_baby_sd15"] == {("SD1.5", 64, 16), ("SD1.5", 32, 32)}
    assert fits["bespoke_baby_sdxl"] == {("SDXL", 128, 32), ("SDXL", 256, 16)}
    assert runs["bespoke_punks_SD15_PERFECT"]["epochs"] == [1, 3, 5, 6, 9]
    assert runs["bespoke_punks_SD15_PERFECT"]["epochs_missing"] == [2, 4, 7, 8]
    assert runs["bespoke_punks_SD15_PERFECT"]["last_epoch_without_number"]
    assert "copies" in runs["bespoke_punks_SD15_PERFECT"]["dates"]
    assert runs["bespoke_baby_sd15"]["dates"] == ""


def test_pictures_older_than_the_checkpoints_they_are_filed_under(history: Path) -> None:
    found = take_inventory(read_listing(history))
    told = [one for one in found["contradictions"] if one["kind"] == "picture older than its checkpoint"]
    filed = {(one["subject"], "SD15_PERFECT" in one["message"]) for one in told}
    for name in ("test_outputs_PERFECT_epoch1", "test_outputs_PERFECT_epoch7", "test_outputs_PERFECT_epoch10_FINAL"):
        assert (name, True) in filed
    assert not any("SDXL" in subject or "SD15_epoch" in subject for subject, _ in filed)
    assert "test_outputs_FIXED_epoch1" in found["orphans"]["pictures"]


def test_pictures_that_a_run_may_have_drawn(history: Path) -> None:
    found = take_inventory(read_listing(history))
    held = {
        one["pictures"]: {match["run"] for match in one["runs"] if match["certainty"] == "possible"}
        for one in found["pictures"]
    }
    assert held["test_outputs_SD15_epoch10_FINAL"] == {"bespoke_punks_SD15_PERFECT"}
    assert held["test_outputs_PERFECT_SDXL_epoch1"] == {"bespoke_punks_PERFECT"}
    assert held["test_outputs_PERFECT_epoch7"] == set()


def test_every_caption_folder_is_placed_against_every_run(history: Path) -> None:
    found = take_inventory(read_listing(history))
    placed = {
        one["captions"]: {run: match["placed"] for run, match in one["against_runs"].items()}
        for one in found["captions"]
    }
    assert len(placed) == 8
    assert all(set(runs.values()) <= {"before", "during", "after"} and len(runs) == 8 for runs in placed.values())
    assert placed["captions/2025-11-10T0055"]["bespoke_punks_SD15_PERFECT"] == "after"
    assert placed["captions/2025-11-10T0055"]["bespoke_baby_sd15"] == "before"
    likely = {
        run["run"]: [one["captions"] for one in run["captions"] if one["certainty"] == "likely"]
        for run in found["runs"]
    }
    assert likely["bespoke_punks_SD15_PERFECT"] == ["captions/2025-11-09T1928"]
    assert likely["bespoke_baby_sdxl"] == ["captions/2025-11-10T0055"]
    assert likely["BespokePunks4"] == []


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_kinds_are_known_by_their_endings(tmp_path: Path) -> None:
    listing = write(
        tmp_path / "l.csv",
        "name,bytes,date\na-000001.safetensors,37000000,2025-01-01\ntest_a_epoch1/x.png,,2025-01-02\ncaptions_v2,,2025-01-01\n",
    )
    evidence = read_listing(listing)
    assert (len(evidence.checkpoints), len(evidence.pictures), len(evidence.captions)) == (1, 1, 1)
    assert evidence.checkpoints[0].size.exact


def test_a_run_whose_files_have_two_sizes(tmp_path: Path) -> None:
    listing = write(
        tmp_path / "l.csv",
        "path,size,modified\na-000001.safetensors,36M,2025-01-01\na-000002.safetensors,218M,2025-01-01\n",
    )
    found = take_inventory(read_listing(listing))
    assert [one["kind"] for one in found["contradictions"]] == ["one name, different sizes"]


def test_a_name_that_no_size_bears_out(tmp_path: Path) -> None:
    listing = write(tmp_path / "l.csv", "path,size,modified\npunks_sdxl.safetensors,36M,2025-01-01\n")
    found = take_inventory(read_listing(listing))
    assert ["claims SDXL" in one["message"] for one in found["contradictions"]] == [True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no column `path`, `modified`"),
        ("path,size,modified\na.safetensors,36M,yesterday\n", "l.csv:2: 'yesterday' is no date"),
        ("path,size,modified\na.safetensors,huge,2025-01-01\n", "l.csv:2: 'huge' is no size"),
        ("kind,path,modified\nsong,a,2025-01-01\n", "l.csv:2: kind is 'song'"),
        ("", "no column"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpriteLoraError, match=message):
        read_listing(write(tmp_path / "l.csv", text))


def test_a_listing_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpriteLoraError, match="does not exist"):
        read_listing(tmp_path / "l.csv")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"\0", b"path,modified\n\"", b"path,size,modified\na.png," + b"9" * 9000 + b",",
     b"path,modified\na,9999999"],
)  # fmt: skip
def test_any_listing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    try:
        said = str(len(read_listing(tmp_path / "a.csv").pictures))
    except SpriteLoraError as error:
        said = str(error.args[0])
    assert "\n" not in said


def test_a_listing_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "absent", ""):
        with pytest.raises(SpriteLoraError):
            read_listing(tmp_path / name)
