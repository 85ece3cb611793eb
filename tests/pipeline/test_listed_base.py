"""The whole pipeline on a base model whose weights a list stands for: what it writes is what it wrote on the base."""

import shutil

import pytest
from hub_stand_in import sprite_lora

from sprite_lora.core.weight_list import LIST


@pytest.mark.slow
def test_dvc_repro_gives_the_same_files(project, tmp_path):
    before = project.tensors(), project.pictures()
    shutil.move(project.root / "models/nano", tmp_path / "nano")
    done = sprite_lora(project.root, "base", "add", "nano", "--from", str(tmp_path / "nano"))
    assert done.returncode == 0, done.stderr
    assert (project.root / "models/nano" / LIST).is_file()
    assert not [*(project.root / "models").rglob("*.safetensors")]
    for folder in ("state", "outputs", "reports"):
        shutil.rmtree(project.root / folder)
    shutil.rmtree(project.root / ".dvc/cache")
    shutil.move(project.root / "cache", tmp_path / "cache")
    project.run("dvc", "repro", "package")  # on a machine that has no weights
    project.run("dvc", "repro", HF_HOME=str(tmp_path / "cache"))
    assert (project.tensors(), project.pictures()) == before
    failed = project.run(
        "dvc", "repro", "--force", "--single-item", "sample", check=False, HF_HOME=str(tmp_path / "none")
    )
    assert failed.returncode != 0
    assert "not in this machine's cache" in failed.stdout + failed.stderr
