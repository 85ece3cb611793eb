import hashlib
import json

import pytest
import safetensors
import torch
from places import SHARED
from safetensors.torch import load_file, save_file

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.lora.file import model_hash, read_record, read_tensors, write_lora, write_with_record

KOHYA = SHARED / "kohya"
KOHYA_FILES = ["sd15_perfect.safetensors", "sd15_perfect-000001.safetensors", "no_save_precision.safetensors"]


def some_tensors(dtype=torch.float16):
    generator = torch.Generator().manual_seed(0)
    return {
        "b.lora_up.weight": torch.randn((5, 2), generator=generator).to(dtype),
        "b.lora_down.weight": torch.randn((2, 7, 3, 3), generator=generator).to(dtype),
        "b.alpha": torch.tensor(0.5, dtype=dtype),
        "a.alpha": torch.tensor(3.0, dtype=dtype),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_safetensors_library_reads_what_was_written(tmp_path, dtype):
    path = tmp_path / "x.safetensors"
    write_lora(path, some_tensors(dtype), {"ss_a": "1", "ü": '{"x": "é"}'})
    tensors = load_file(path)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in some_tensors(dtype).items())
    assert tensors["b.alpha"].dtype == dtype
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["ss_a"] == "1"
    assert metadata["ü"] == '{"x": "é"}'


def test_tensor_region_is_laid_out_as_the_library_does(tmp_path):
    write_lora(tmp_path / "own.safetensors", some_tensors(), {"ss_a": "1"})
    save_file(some_tensors(), tmp_path / "library.safetensors")
    assert model_hash(tmp_path / "own.safetensors") == model_hash(tmp_path / "library.safetensors")


def test_equal_content_gives_equal_bytes(tmp_path):
    metadata = {f"ss_{number}": str(number) for number in range(50)}
    write_lora(tmp_path / "1.safetensors", some_tensors(), metadata)
    backwards = dict(reversed(list(some_tensors().items())))
    write_lora(tmp_path / "2.safetensors", backwards, dict(reversed(list(metadata.items()))))
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()


def test_hash_is_of_the_tensors_alone(tmp_path):
    one = write_lora(tmp_path / "1.safetensors", some_tensors(), {"ss_a": "1"})
    two = write_lora(tmp_path / "2.safetensors", some_tensors(), {"ss_a": "2", "other": "3"})
    assert one == two == model_hash(tmp_path / "1.safetensors")
    changed = some_tensors()
    changed["a.alpha"] = torch.tensor(4.0, dtype=torch.float16)
    assert write_lora(tmp_path / "3.safetensors", changed, {}) != one


@pytest.mark.parametrize("name", KOHYA_FILES)
def test_kohyas_own_hash_is_what_we_compute(name, tmp_path):
    if not KOHYA.exists():
        pytest.skip("the files that sd-scripts wrote are not on this machine")
    with safetensors.safe_open(KOHYA / name, "pt") as file:
        metadata = file.metadata()
    assert model_hash(KOHYA / name) == metadata["sshs_model_hash"]
    rest = {key: value for key, value in metadata.items() if not key.startswith("sshs_")}
    assert write_lora(tmp_path / "x.safetensors", read_tensors(KOHYA / name), rest) == metadata["sshs_model_hash"]


def test_legacy_hash_is_of_64_kib_at_1_mib_of_the_file_with_ss_keys_alone(tmp_path):
    """kohya's `precalculate_safetensors_hashes`: the file as it would be with the immutable keys only."""
    tensors = {"a.lora_up.weight": torch.randn((700, 600), generator=torch.Generator().manual_seed(0))}
    write_lora(tmp_path / "x.safetensors", tensors, {"ss_a": "1", "modelspec.title": "t"})
    write_lora(tmp_path / "y.safetensors", tensors, {"ss_a": "1"})
    with safetensors.safe_open(tmp_path / "x.safetensors", "pt") as file:
        stated = file.metadata()["sshs_legacy_hash"]
    header = {"__metadata__": {"ss_a": "1"}, "a.lora_up.weight": {"dtype": "F32", "shape": [700, 600]}}
    header["a.lora_up.weight"]["data_offsets"] = [0, 700 * 600 * 4]
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    content = len(text).to_bytes(8, "little") + text + tensors["a.lora_up.weight"].numpy().tobytes()
    assert stated == hashlib.sha256(content[0x100000 : 0x100000 + 0x10000]).hexdigest()[:8]


def test_record_is_read_without_tensors(tmp_path):
    write_lora(tmp_path / "x.safetensors", some_tensors(), {METADATA_KEY: '{"stage":"train"}'})
    assert read_record(tmp_path / "x.safetensors") == {"stage": "train"}
    write_lora(tmp_path / "y.safetensors", some_tensors(), {})
    assert read_record(tmp_path / "y.safetensors") is None


def test_cut_file_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    write_lora(path, some_tensors(), {})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SpriteLoraError):
        read_tensors(path)


def test_no_half_file_is_left(tmp_path):
    class Broken(dict):
        def items(self):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_lora(tmp_path / "x.safetensors", some_tensors(), Broken(a="1"))
    assert list(tmp_path.iterdir()) == []


def test_our_record_in_another_trainers_file(kohya_files, tmp_path):
    """Its own keys, its tensors' bytes and so the hash that tools index by stay."""
    source, target = kohya_files / "sd15_perfect.safetensors", tmp_path / "with.safetensors"
    write_with_record(source, target, '{"epoch":2,"é":1}')
    assert read_record(target) == {"epoch": 2, "é": 1}
    with safetensors.safe_open(source, "pt") as before, safetensors.safe_open(target, "pt") as after:
        assert after.metadata() == {**before.metadata(), METADATA_KEY: '{"epoch":2,"é":1}'}
        stated = before.metadata()["sshs_model_hash"]
    ours = load_file(target)
    assert all(torch.equal(tensor, ours[name]) for name, tensor in load_file(source).items())
    assert model_hash(target) == model_hash(source) == stated


def test_no_record_for_half_a_file(kohya_files, tmp_path):
    half, target = tmp_path / "half.safetensors", tmp_path / "with.safetensors"
    half.write_bytes((kohya_files / "sd15_perfect.safetensors").read_bytes()[:-100])
    with pytest.raises(SpriteLoraError):
        write_with_record(half, target, "{}")
    assert not target.exists()
