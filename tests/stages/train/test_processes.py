"""Several processes, through accelerate."""

import pytest
import torch

from sprite_lora.lora.file import read_tensors


@pytest.mark.slow
def test_two_processes_train_as_one_that_accumulates_two_batches(project):
    """The same batches and draws; only the order of two sums differs."""
    project.edit(gradient_accumulation_steps=2, train_batch_size=3)
    project.train()
    one = read_tensors(project.root / "outputs/checkpoints/t.safetensors")
    project.edit(gradient_accumulation_steps=1, num_processes=2)
    code, out, err = project.run()
    assert code == 0, err
    assert out.count("2 checkpoints in") == 1, "one process talks"
    two = read_tensors(project.root / "outputs/checkpoints/t.safetensors")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)
