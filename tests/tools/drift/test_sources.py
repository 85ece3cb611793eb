"""Where facts come from: the working tree, revisions, experiments, checkpoints, history files, and mistakes."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.record import METADATA_KEY, base_hash, versions
from sprite_lora.results.changes import compare
from tools.drift.sources import read_facts, with_base_hash

Git = Callable[..., str]
Write = Callable[[Path, dict[str, Any]], None]


def test_a_revision_against_the_working_tree(project: Path, params: dict[str, Any], git: Git, write: Write) -> None:
    params["train"]["network_dim"] = 64
    write(project, params)
    (project / "captions" / "a.txt").write_text("pixel art, 24x24, green hair")
    result = compare(read_facts("HEAD", None), read_facts(None, None))
    assert [row.name for row in result.changed] == ["network_dim"]
    assert (result.captions.answer, result.captions.changed, result.captions.unchanged) == ("different", 1, 1)


def test_captions_of_a_revision_from_what_validate_wrote(
    project: Path, params: dict[str, Any], git: Git, write: Write
) -> None:
    """Where the caption folder is not in Git, its texts in reports/captions.json are."""
    git("rm", "-q", "--cached", "-r", "captions")
    (project / "reports").mkdir()
    (project / "reports" / "captions.json").write_text(json.dumps({"a": "pixel art, 24x24, red hair"}))
    git("add", "reports")
    git("commit", "-q", "-m", "captions leave Git")
    assert read_facts("HEAD", None).captions.texts == {"a": "pixel art, 24x24, red hair"}


def test_an_experiment_by_its_name(project: Path, params: dict[str, Any], git: Git, write: Write) -> None:
    """As DVC keeps them: a commit under refs/exps, not on any branch."""
    params["train"]["network_dim"] = 64
    write(project, params)
    git("add", "-A")
    commit = git("commit-tree", git("write-tree"), "-p", "HEAD", "-m", "experiment")
    git("update-ref", f"refs/exps/ab/{'c' * 38}/moody-yeti", commit)
    git("checkout", "-q", "HEAD", "--", ".")
    assert [row.name for row in compare(read_facts("HEAD", None), read_facts("moody-yeti", None)).changed] == [
        "network_dim"
    ]


def checkpoint(path: Path, metadata: dict[str, str]) -> Path:
    module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    header = {
        "__metadata__": metadata,
        f"{module}.lora_down.weight": {"dtype": "F16", "shape": [1, 768], "data_offsets": [0, 1536]},
        f"{module}.lora_up.weight": {"dtype": "F16", "shape": [320, 1], "data_offsets": [1536, 2176]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(2176))
    return path


def test_a_checkpoint_of_ours_against_the_params_that_made_it(project: Path, params: dict[str, Any]) -> None:
    record = {
        "stage": "train",
        "params": params["train"],
        "package": params["package"],
        "captions": "0" * 64,
        "versions": versions(),
    }
    path = checkpoint(project / "punk.safetensors", {METADATA_KEY: json.dumps(record)})
    result = compare(read_facts(str(path), None), read_facts(None, None))
    assert result.changed == ()
    assert result.captions.answer == "different"
    record["versions"] = versions() | {"torch": "1.0"}
    path = checkpoint(project / "punk.safetensors", {METADATA_KEY: json.dumps(record)})
    (row,) = compare(read_facts(str(path), None), read_facts(None, None)).changed
    assert (row.name, row.group, row.a) == ("torch", "software", "1.0")
    record["params"] = params["train"] | {"network_dim": 99}
    other = checkpoint(project / "other.safetensors", {METADATA_KEY: json.dumps(record)})
    assert [row.name for row in compare(read_facts(str(path), None), read_facts(str(other), None)).changed] == [
        "network_dim"
    ]


def test_the_base_is_held_to_its_hash(project: Path, params: dict[str, Any], write: Write) -> None:
    base = project / "base.safetensors"
    base.write_bytes(b"weights")
    params["paths"]["base"] = "base.safetensors"
    write(project, params)
    record = {"params": params["train"], "package": params["package"], "base": base_hash(base)}
    path = checkpoint(project / "punk.safetensors", {METADATA_KEY: json.dumps(record)})

    def changed() -> list[str]:
        a, b = read_facts(str(path), None), read_facts(None, None)
        return [row.name for row in compare(with_base_hash(a, b), with_base_hash(b, a)).changed]

    assert changed() == []
    base.write_bytes(b"other weights")
    assert changed() == ["base model"]


def test_regularisation_pictures_make_their_weight_count(
    project: Path, params: dict[str, Any], git: Git, write: Write
) -> None:
    params["train"]["prior_loss_weight"] = 0.5
    write(project, params)
    assert compare(read_facts("HEAD", None), read_facts(None, None)).changed == ()
    folder = project / params["paths"]["regularisation"] / "1_person"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"")
    changed = compare(read_facts("HEAD", None), read_facts(None, None)).changed
    assert [row.name for row in changed] == ["prior_loss_weight", "num_reg_images"]


def test_checkpoints_of_sd_scripts(kohya_files: Path) -> None:
    a, b = (str(kohya_files / f"{name}.safetensors") for name in ("sd15_perfect", "no_save_precision"))
    result = compare(read_facts(a, None), read_facts(b, None))
    assert {row.name: (row.a, row.b) for row in result.changed} == {
        "network_dim": ("1", "2"),
        "network_alpha": ("0.5", "1"),
        "train_batch_size": ("4", "2"),
        "save_precision": ("fp16", "float"),
        "adaptive_noise_scale": ("0.00357", "off (not given)"),
        "multires_noise_iterations": ("6", "off (not given)"),
        "shuffle_caption": ("on", "off"),
        "keep_tokens": ("2", "0"),
        "max_token_length": ("225", "75 (not given)"),
    }
    assert result.captions.answer == "same"
    assert "lr_scheduler_num_cycles" in {row.name for row in result.unknown}


def test_two_epochs_of_one_run_do_not_differ(kohya_files: Path) -> None:
    a, b = (str(kohya_files / f"{name}.safetensors") for name in ("sd15_perfect-000001", "sd15_perfect"))
    assert compare(read_facts(a, None), read_facts(b, None)).changed == ()


def test_a_preset_against_another_from_the_projects_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = compare(read_facts("presets/sd15.yaml", None), read_facts("presets/sdxl.yaml", None))
    assert {"base model", "resolution"} <= {row.name for row in result.changed}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nowhere", None, "no file here, no Git revision and no DVC experiment"),
        ("--output=x", None, "no file here"),
        ("other.yaml", "a: 1", "no section `train`"),
        ("other.yaml", "a: [", "cannot be read as YAML"),
        ("x.safetensors", "text of some length", "no safetensors"),
        ("run.yaml", "run: a\nsettings: {given: {network_dimm: 4}, unlisted: default}", "network_dimm"),
    ],
)
def test_mistakes(project: Path, git: Git, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (project / name).write_text(content)
    with pytest.raises(SpriteLoraError, match=message):
        read_facts(name, None)


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpriteLoraError, match="no Git revision"):
        read_facts("HEAD", None)


def test_command_in_its_three_forms(project: Path, git: Git) -> None:
    (project / "captions" / "a.txt").write_text("pixel art, 24x24, [bold]green | hair")
    outputs = {}
    for form in ("--json", "--md", ""):
        command = [sys.executable, "-m", "tools.command_line", "drift", "HEAD", *filter(None, [form])]
        result = subprocess.run(
            command, capture_output=True, text=True, cwd=project, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        )
        assert result.returncode == 0, result.stderr
        outputs[form] = result.stdout
    assert json.loads(outputs["--json"])["captions"]["changed"] == 1
    assert "**0 effective changes; captions: different; prompts: same**" in outputs["--md"]
    assert r"[bold]green \| hair" in outputs["--md"]
    assert "[bold]green | hair" in outputs[""]
    failed = subprocess.run(
        [sys.executable, "-m", "tools.command_line", "drift", "nowhere"], capture_output=True, text=True
    )
    assert (failed.returncode, "Traceback" in failed.stderr) == (1, False)
