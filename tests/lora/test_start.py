import hashlib

import pytest
import torch

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.file import write_lora
from sprite_lora.lora.start import start_file, start_hash, start_problem

LINEAR, CONVOLUTION = "lora_unet_down_blocks_0_attentions_0_proj_in", "lora_unet_down_blocks_0_resnets_0_conv1"


@pytest.fixture
def lora(tmp_path):
    """Rank 4, and rank 2 for a 3x3 convolution."""
    shapes = {
        f"{LINEAR}.lora_down.weight": (4, 32),
        f"{LINEAR}.lora_up.weight": (32, 4),
        f"{CONVOLUTION}.lora_down.weight": (2, 32, 3, 3),
        f"{CONVOLUTION}.lora_up.weight": (32, 2, 1, 1),
    }
    write_lora(tmp_path / "a.safetensors", {name: torch.zeros(shape) for name, shape in shapes.items()}, {})
    return tmp_path / "a.safetensors"


def test_an_empty_folder_is_none(tmp_path):
    (tmp_path / ".gitkeep").write_text("")
    assert start_file(tmp_path) is None
    assert start_hash(tmp_path) is None
    assert start_problem(tmp_path, 4, None) is None


def test_a_file_is_known_by_its_bytes(lora):
    assert start_file(lora) == lora
    assert start_hash(lora) == hashlib.sha256(lora.read_bytes()).hexdigest()


def test_folders_pickles_and_missing_files_are_refused(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"")
    for path, message in (
        (tmp_path, "is a folder with a.pt in it"),
        (tmp_path / "a.pt", "pickled weights can run any code"),
        (tmp_path / "b.safetensors", "does not exist"),
    ):
        with pytest.raises(SpriteLoraError, match=message):
            start_file(path)
        assert message.split(" (")[0] in str(start_problem(path, 4, None))


@pytest.mark.parametrize(
    ("dim", "conv_dim", "problem"),
    [
        (4, 2, None),
        (8, 2, f"has rank 4 at {LINEAR}; train.network_dim is 8"),
        (4, None, f"has rank 2 at {CONVOLUTION}; train.conv_dim is None"),
    ],
)
def test_ranks_of_the_header_are_held_to_the_params(lora, dim, conv_dim, problem):
    found = start_problem(lora, dim, conv_dim)
    assert found is None if problem is None else problem in found


def test_what_is_no_lora_is_said(tmp_path):
    write_lora(tmp_path / "a.safetensors", {"decoder.conv_in.weight": torch.zeros(4, 4)}, {})
    assert "holds no LoRA" in str(start_problem(tmp_path / "a.safetensors", 4, None))
    (tmp_path / "b.safetensors").write_bytes(b"PK\x03\x04" + bytes(100))
    assert "zip archive" in str(start_problem(tmp_path / "b.safetensors", 4, None))
