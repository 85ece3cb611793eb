import torch

from sprite_lora.core import machine


def test_deterministic_kernels_are_asked_for_strictly():
    """Only so has torch's fast attention a deterministic backward pass."""
    machine.deterministic()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory
    machine.deterministic(strict=False)
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    machine.deterministic()
