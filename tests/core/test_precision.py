import pytest

from sprite_lora.core.header import BITS
from sprite_lora.core.precision import ONLY_READ, PRECISIONS, name_of, precision, stored_as, torch_dtype


@pytest.mark.parametrize("one", PRECISIONS)
def test_names_are_those_of_one_format(one):
    """torch, the safetensors library and the header's table agree on each row."""
    import torch
    from safetensors.torch import load, save

    dtype = torch_dtype(one.name)
    assert (dtype.itemsize, BITS[one.stored]) == (one.bytes, 8 * one.bytes)
    assert stored_as(dtype) == one.stored
    content = save({"x": torch.zeros(1, dtype=dtype)})
    assert f'"dtype":"{one.stored}"'.encode() in content
    assert load(content)["x"].dtype == dtype


@pytest.mark.parametrize("flag", [None, "no", "float", "fp32"])
def test_a_flag_that_is_off_keeps_full_precision(flag):
    assert precision(flag).name == "fp32"


def test_words_for_what_files_hold():
    assert [name_of(stored) for stored in ("F32", "BF16", "F8_E4M3", "I8")] == ["fp32", "bf16", "fp8", "I8"]
    assert set(ONLY_READ) <= set(BITS)
