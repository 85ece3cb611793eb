"""A checkpoint that is not what was written is never taken for it."""

import json
import random

import pytest
import torch
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.core.header import read_header
from sprite_lora.core.sums import write_sums
from sprite_lora.lora.file import model_hash, read_tensors, sound_hash, write_lora

TENSORS = {f"lora_unet_{n}.lora_up.weight": torch.arange(64.0).reshape(8, 8) * n for n in range(3)}
METADATA = {"ss_epoch": "1", "ss_output_name": "punk", "sprite_lora": json.dumps({"epoch": 1, "base": "ab" * 32})}


@pytest.fixture
def path(tmp_path):
    write_lora(tmp_path / "punk.safetensors", TENSORS, METADATA)
    return tmp_path / "punk.safetensors"


def list_it(path):
    write_sums(path.parent, {path.name: sha256(path)})


def flip(content, at, bit):
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    return bytes(changed)


def test_a_whole_file_passes_with_a_list_and_without(path):
    assert sound_hash(path) == model_hash(path) == read_header(path).metadata["sshs_model_hash"]
    list_it(path)
    assert sound_hash(path) == model_hash(path)


def test_a_file_of_another_tool_states_nothing_and_passes(tmp_path):
    from safetensors.torch import save_file

    save_file(TENSORS, tmp_path / "other.safetensors")
    assert sound_hash(tmp_path / "other.safetensors") == model_hash(tmp_path / "other.safetensors")


def test_flipped_tensors_are_seen_by_the_hash_that_the_file_states(path):
    path.write_bytes(flip(path.read_bytes(), -1, 0))
    with pytest.raises(SpriteLoraError, match="do not hash to the sshs_model_hash") as caught:
        sound_hash(path)
    assert "sprite-lora verify" in caught.value.hint


def test_one_epoch_under_anothers_name_is_seen_by_the_list(path):
    list_it(path)
    write_lora(path, TENSORS, METADATA | {"ss_epoch": "2"})
    with pytest.raises(SpriteLoraError, match="SHA-256 is not that of"):
        sound_hash(path)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A checkpoint of the default run where there is one, its tensors cut short: of 4.8 MB most would be hashing."""
    folder = tmp_path_factory.mktemp("real")
    path = folder / "punk.safetensors"
    made = sorted((ROOT / "outputs/checkpoints").glob("*.safetensors"))
    tensors = read_tensors(made[0]) if made else TENSORS
    metadata = dict(read_header(made[0]).metadata) if made else METADATA
    kept = dict(sorted(tensors.items(), key=lambda item: item[1].numel())[:40])
    write_lora(path, kept, metadata)
    return path, path.read_bytes()


@given(seed=st.integers(0, 2**64), listed=st.booleans())
@examples(4, 200)
def test_no_bit_flips_unseen(real, seed, listed):
    """100 files in each example. With a list, whatever flips is seen; without, what flips in the tensors or in form."""
    path, content = real
    (path.parent / "SHA256SUMS").unlink(missing_ok=True)
    path.write_bytes(content)
    if listed:
        list_it(path)
    chance, whole = random.Random(seed), read_header(path)
    for _ in range(100):
        path.write_bytes(flip(content, chance.randrange(len(content)), chance.randrange(8)))
        try:
            found = sound_hash(path)
        except SpriteLoraError:
            continue
        assert not listed
        assert found == whole.metadata["sshs_model_hash"]
        assert content[whole.data_start :] == path.read_bytes()[whole.data_start :]
