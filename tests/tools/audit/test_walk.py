"""Folders on disk: links by record, hypotheses by name and date, contradictions, Git's dates, broken files."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sprite_lora.core.files import sha256_set, sha256_text
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.results.picture import web_ui_text, write_picture
from tools.audit.inventory import take_inventory
from tools.audit.walk import walk

Lora = Callable[..., Path]


def audit(*paths: Path) -> dict[str, Any]:
    return take_inventory(walk(paths))


def kohya(epoch: int, session: str = "1", **more: str) -> dict[str, str]:
    return {"ss_session_id": session, "ss_epoch": str(epoch), "ss_num_epochs": "3", "ss_network_dim": "4", **more}


def picture(path: Path, record: dict[str, Any] | None = None, web_ui: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if record is None and not web_ui:
        Image.new("RGB", (4, 4)).save(path)
    else:
        write_picture(path, Image.new("RGB", (4, 4)), record or {}, web_ui)
    return path


def kinds(found: dict[str, Any]) -> list[str]:
    return [one["kind"] for one in found["contradictions"]]


def test_epochs_of_one_run_and_what_is_missing(lora: Lora, tmp_path: Path) -> None:
    lora("out/a-000001.safetensors", metadata=kohya(1, ss_output_name="a"))
    lora("out/a.safetensors", metadata=kohya(3, ss_output_name="a"))
    (run,) = audit(tmp_path)["runs"]
    assert (run["grouped_by"], run["epochs"], run["epochs_missing"]) == ("training session", [1, 3], [2])
    assert (run["base"], run["rank"], run["precision"]) == ("SD1.5", 4, "fp16")


def test_one_name_over_two_runs(lora: Lora, tmp_path: Path) -> None:
    lora("out/a-000001.safetensors", 4, kohya(1))
    lora("out/a-000002.safetensors", 8, kohya(2, session="2", ss_network_dim="8"))
    found = audit(tmp_path)
    assert [run["run"] for run in found["runs"]] == ["a", "a (2)"]
    (told,) = found["contradictions"]
    assert told["kind"] == "one name, different runs"
    assert "ranks, settings" in told["message"]


def test_the_same_settings_trained_twice_are_two_runs(lora: Lora, tmp_path: Path) -> None:
    lora("out/a-000001.safetensors", metadata=kohya(1))
    lora("out/a-000002.safetensors", metadata=kohya(2, session="2"))
    assert "more than once" in audit(tmp_path)["contradictions"][0]["message"]


@pytest.mark.parametrize(
    ("name", "metadata", "message"),
    [
        ("punks_sdxl.safetensors", {}, "claims SDXL, its tensors say SD1.5"),
        ("punks_dim64.safetensors", {}, "claims rank 64, its tensors have 4"),
        ("punks_bf16.safetensors", {}, "claims bf16, its tensors are fp16"),
        ("punks-000002.safetensors", kohya(1), "is numbered 2, its content says 1"),
        ("best.safetensors", kohya(1, ss_output_name="punks"), "was saved as punks: renamed"),
    ],
)
def test_names_against_contents(lora: Lora, tmp_path: Path, name: str, metadata: dict[str, str], message: str) -> None:
    lora(name, metadata=metadata or None)
    (told,) = audit(tmp_path)["contradictions"]
    assert (told["kind"], message in told["message"]) == ("name against content", True)


def test_names_that_fit_are_left_alone(lora: Lora, tmp_path: Path) -> None:
    lora("sd1.5_punks_rank4_fp16-000001.safetensors", metadata=kohya(1, ss_output_name="sd1.5_punks_rank4_fp16"))
    assert audit(tmp_path)["contradictions"] == []


def test_pictures_with_our_record(lora: Lora, tmp_path: Path) -> None:
    digest = "ab" * 32
    lora("a-000002.safetensors", metadata=kohya(2, sshs_model_hash=digest))
    picture(tmp_path / "any_name" / "x.png", {"checkpoint": digest})
    picture(tmp_path / "epoch-00" / "x.png", {"checkpoint": None})
    found = audit(tmp_path)
    (match,) = next(one for one in found["pictures"] if one["pictures"].endswith("any_name"))["runs"]
    assert (match["run"], match["certainty"], match["epoch"]) == ("a", "record", 2)
    assert found["orphans"]["pictures"] == []


def test_pictures_of_a_web_ui(lora: Lora, tmp_path: Path) -> None:
    digest = "cd" * 32
    lora("punk-000002.safetensors", metadata=kohya(2, sshs_model_hash=digest))
    text = web_ui_text(
        prompt="p", negative_prompt="", steps=1, scheduler="ddim", guidance_scale=1, seed=1, size=(4, 4),
        model="m", model_hash="00", loras={"punk-000002": digest},
    )  # fmt: skip
    path = tmp_path / "pictures" / "x.png"
    path.parent.mkdir()
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    (match,) = audit(tmp_path)["pictures"][0]["runs"]
    assert (match["run"], match["certainty"], match["epoch"]) == ("punk", "record", 2)


def test_a_picture_older_than_the_checkpoint_it_is_filed_under(
    lora: Lora, tmp_path: Path, dated: Callable[[Path, str], None]
) -> None:
    lora("out/sd15_perfect-000001.safetensors", at="2025-11-09T20:22")
    dated(picture(tmp_path / "test_outputs_PERFECT_epoch1" / "x.png"), "2025-11-09T14:13")
    assert kinds(audit(tmp_path)) == ["picture older than its checkpoint"]


def test_a_younger_picture_is_a_hypothesis(lora: Lora, tmp_path: Path, dated: Callable[[Path, str], None]) -> None:
    lora("out/sd15_perfect-000001.safetensors", at="2025-11-09T20:22")
    dated(picture(tmp_path / "test_outputs_PERFECT_epoch1" / "x.png"), "2025-11-09T23:31")
    found = audit(tmp_path)
    assert [match["certainty"] for match in found["pictures"][0]["runs"]] == ["possible"]
    assert found["contradictions"] == []


def test_training_that_began_after_the_picture(lora: Lora, tmp_path: Path, dated: Callable[[Path, str], None]) -> None:
    """A copy may carry any date; the trainer's own clock settles it."""
    lora("out/perfect.safetensors", metadata=kohya(1, ss_training_started_at="1762720000.0"), at="2025-01-01")
    dated(picture(tmp_path / "perfect_epoch1" / "x.png"), "2025-11-09T14:13")
    (told,) = audit(tmp_path)["contradictions"]
    assert "its training began 2025-11-09 20:26" in told["message"]


TEXTS = {"a": "pixel art, red", "b": "pixel art, blue"}


def hashed(texts: dict[str, str]) -> str:
    return sha256_set({stem: sha256_text(text) for stem, text in texts.items()})


def test_captions_known_by_our_record(lora: Lora, captions: Callable[..., Path], tmp_path: Path) -> None:
    record = json.dumps({"captions": hashed(TEXTS), "fingerprint": "f" * 64})
    lora("a.safetensors", metadata={METADATA_KEY: record, "ss_epoch": "1"})
    captions("old", TEXTS)
    captions("new", TEXTS | {"b": "pixel art, green"})
    (run,) = audit(tmp_path)["runs"]
    assert run["grouped_by"] == "our record"
    assert [(Path(one["captions"]).name, one["certainty"]) for one in run["captions"]] == [("old", "record")]


def test_captions_known_by_kohyas_count_of_tags(lora: Lora, captions: Callable[..., Path], tmp_path: Path) -> None:
    frequency = {"1_punk": {"pixel art": 2, "red": 1, "blue": 1}}
    lora("a.safetensors", metadata=kohya(1, ss_tag_frequency=json.dumps(frequency)))
    captions("old", {"a": "Pixel Art, red\nsecond line", "b": "pixel art, blue"})
    captions("new", TEXTS | {"b": "pixel art, green"})
    (run,) = audit(tmp_path)["runs"]
    assert [(Path(one["captions"]).name, one["certainty"]) for one in run["captions"]] == [("old", "record")]


def test_captions_changed_after_the_training(lora: Lora, captions: Callable[..., Path], tmp_path: Path) -> None:
    frequency = {"1_punk": {"pixel art": 2, "red": 1, "blue": 1}}
    folders = {"1_punk": {"n_repeats": 1, "img_count": 2}}
    words = {"ss_tag_frequency": json.dumps(frequency), "ss_dataset_dirs": json.dumps(folders)}
    lora("a.safetensors", metadata=kohya(1, **words), at="2025-11-09T20:22")
    captions("1_punk", TEXTS | {"b": "pixel art, green"}, at="2025-11-10T00:53")
    (told,) = audit(tmp_path)["contradictions"]
    assert told["kind"] == "captions changed after training"
    assert "not those" in told["message"]


def test_git_remembers_the_captions_that_were_overwritten(
    lora: Lora, captions: Callable[..., Path], commit: Callable[[str], None], tmp_path: Path
) -> None:
    """The case of the history: overwritten after the run, the folder looked the same for all runs ever after."""
    captions("punk", TEXTS)
    commit("2025-11-09T19:28:00")
    record = json.dumps({"captions": hashed(TEXTS), "fingerprint": "f" * 64})
    lora("a.safetensors", metadata={METADATA_KEY: record})
    captions("punk", TEXTS | {"b": "pixel art, green"})
    commit("2025-11-10T00:55:00")
    found = audit(tmp_path)
    (run,) = found["runs"]
    (link,) = run["captions"]
    assert link["certainty"] == "record"
    versions = {one["captions"]: one["dated"] for one in found["captions"]}
    assert versions[link["captions"]] == "2025-11-09 19:28"
    assert len(versions) == 2
    assert found["contradictions"] == []


def test_uncommitted_captions_are_a_version_too(
    captions: Callable[..., Path], commit: Callable[[str], None], tmp_path: Path
) -> None:
    captions("punk", TEXTS)
    commit("2025-11-09T19:28:00")
    captions("punk", {"a": "changed"})
    assert ["@" in one["captions"] for one in audit(tmp_path)["captions"]].count(True) == 1
    assert len(audit(tmp_path)["captions"]) == 2


def test_training_pictures_are_no_outputs(captions: Callable[..., Path], tmp_path: Path) -> None:
    folder = captions("1_punk", TEXTS)
    picture(folder / "a.png")
    picture(folder / "b.png")
    assert audit(tmp_path)["pictures"] == []


def test_broken_files_are_listed_and_nothing_stops(lora: Lora, tmp_path: Path) -> None:
    lora("good.safetensors")
    (tmp_path / "old.ckpt").write_bytes(b"PK\x03\x04rest")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{ }")
    (tmp_path / "x.png").write_bytes(b"no picture")
    found = audit(tmp_path)
    problems = {Path(one["file"]).name: one["problem"] for one in found["unreadable"]}
    assert "pickle" in problems["old.ckpt"]
    assert "has only" in problems["cut.safetensors"]
    assert [run["run"] for run in found["runs"]] == ["good"]


def test_what_sd_scripts_wrote(kohya_files: Path) -> None:
    found = audit(kohya_files)
    runs = {run["run"]: run for run in found["runs"]}
    assert (runs["sd15_perfect"]["epochs"], runs["sd15_perfect"]["rank"]) == ([1, 2], 1)
    assert (runs["no_save_precision"]["precision"], runs["no_save_precision"]["rank"]) == ("fp32", 2)
    assert {one["certainty"] for run in runs.values() for one in run["captions"]} == {"record"}
    assert ["renamed" in one["message"] for one in found["contradictions"]] == [True]


def test_command(lora: Lora, tmp_path: Path) -> None:
    lora("a-000001.safetensors", metadata=kohya(1))
    (tmp_path / "l.csv").write_text("path,size,modified\nb.safetensors,36M,2025-01-01\n")
    command = [sys.executable, "-m", "tools.command_line", "audit", str(tmp_path), "--listing", str(tmp_path / "l.csv")]
    result = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert [run["run"] for run in json.loads(result.stdout)["runs"]] == ["b", "a"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "SD1.5 rank 16 32-bit | SD1.5 rank 32 16-bit" in told
    nothing = subprocess.run(command[:4], capture_output=True, text=True)
    assert (nothing.returncode, "Traceback" in nothing.stderr) == (1, False)


@pytest.mark.parametrize(
    ("folder", "message"), [("a_epoch5", "says epoch 5, but"), ("b_epoch2", "is named like b, but 1 pictures carry")]
)
def test_folders_that_say_otherwise_than_their_pictures(lora: Lora, tmp_path: Path, folder: str, message: str) -> None:
    digest = "ab" * 32
    lora("a-000002.safetensors", metadata=kohya(2, sshs_model_hash=digest))
    lora("b-000002.safetensors", metadata=kohya(2, session="2", sshs_model_hash="cd" * 32))
    picture(tmp_path / folder / "x.png", {"checkpoint": digest})
    (told,) = audit(tmp_path)["contradictions"]
    assert (told["kind"], message in told["message"]) == ("folder against record", True)
