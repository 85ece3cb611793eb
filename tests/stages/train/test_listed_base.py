"""Training on a base model whose weights a list stands for: the same files as on the base itself, or no step at all."""

import pytest
from hub_stand_in import damage, machine, put_list

from sprite_lora.bases.base_model import load_base
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.train_params import Train
from stages.train.record import run_record


@pytest.fixture
def project(project, monkeypatch):
    """The small project, where each training loads the base as the stage does."""
    monkeypatch.setattr("stages.train.native.training.load_base", load_base)
    return project


def recorded():
    return run_record(load(Train), read_manifest(Paths.dataset), load(Paths))


def test_the_same_bytes(project, tiny_sd, tmp_path):
    """Tensors, metadata, record and fingerprint."""
    on_base, record = project.train(), recorded()
    project.forget()
    with machine(put_list(project.root / "base", tiny_sd, tmp_path / "away")):
        assert recorded() == record
        assert project.train() == on_base
    assert len(on_base) == 2


def test_nothing_is_trained_on_other_weights(project, tiny_sd, tmp_path):
    cache = put_list(project.root / "base", tiny_sd, tmp_path / "away")
    damage(cache)
    with machine(cache), pytest.raises(SpriteLoraError, match="its bytes are not those of"):
        project.train()
    assert not project.files()
