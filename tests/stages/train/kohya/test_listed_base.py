"""sd-scripts (a stand-in) on a base model whose weights a list stands for."""

from pathlib import Path

import pytest
from hub_stand_in import damage, machine, put_list

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import Paths, load
from sprite_lora.core.record import base_hash
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.train_params import Train
from stages.train.record import run_record

pytestmark = pytest.mark.usefixtures("directly")


def test_it_gets_the_weights_under_the_same_name(by_kohya, checkout, tiny_sd, tmp_path):
    """It writes the folder's name into the file's metadata."""
    record = run_record(load(Train), read_manifest(Paths.dataset), load(Paths))
    with machine(put_list(by_kohya.root / "base", tiny_sd, tmp_path / "away")):
        by_kohya.train()
    place = Path(checkout.flags()["pretrained_model_name_or_path"])
    assert (place.is_absolute(), place.name) == (True, "base")
    assert base_hash(place) == base_hash(tiny_sd)
    assert run_record(load(Train), read_manifest(Paths.dataset), load(Paths)) == record


def test_it_is_not_started_on_other_weights(by_kohya, checkout, tiny_sd, tmp_path):
    cache = put_list(by_kohya.root / "base", tiny_sd, tmp_path / "away")
    damage(cache)
    with machine(cache), pytest.raises(SpriteLoraError, match="its bytes are not those of"):
        by_kohya.train()
    assert not checkout.notes.exists()
