import pytest
import torch

from sprite_lora.lora.network import LoRAModule
from stages.train.native.optimizer import scale_down


@pytest.mark.parametrize("target", [torch.nn.Linear(6, 5), torch.nn.Conv2d(6, 5, 3)], ids=["linear", "convolution"])
def test_change_is_scaled_down_to_the_norm(target):
    """Both matrices times sqrt(limit / norm), so that their product's norm is the limit."""
    lora = LoRAModule("m", target, rank=3, alpha=6.0, seed=0, dropout=0.0)
    torch.nn.init.normal_(lora.lora_up.weight)
    up, down = lora.lora_up.weight.detach().double(), lora.lora_down.weight.detach().double()
    change = torch.einsum("or,ri->oi", up.flatten(1), down.flatten(1)) * 2.0
    norm = change.norm().item()
    assert lora.change_of_weights().norm().item() == pytest.approx(norm, rel=1e-5)
    assert scale_down([lora], norm * 1.01) == 0
    assert torch.equal(lora.lora_up.weight.detach().double(), up)
    assert scale_down([lora], norm / 4) == 1
    torch.testing.assert_close(lora.lora_up.weight.detach().double(), up * 0.5, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(lora.lora_down.weight.detach().double(), down * 0.5, rtol=1e-5, atol=1e-6)
    assert lora.change_of_weights().norm().item() == pytest.approx(norm / 4, rel=1e-5)


def test_zero_change_stays_zero():
    lora = LoRAModule("m", torch.nn.Linear(6, 5), rank=3, alpha=3.0, seed=0, dropout=0.0)
    assert scale_down([lora], 0.1) == 0
    assert lora.lora_down.weight.isfinite().all()


def test_run_keeps_every_module_under_the_norm(project, make_run):
    from stages.train.faults import Interruption

    run = make_run(project, scale_weight_norms=1e-3, learning_rate=0.1, text_encoder_lr=None)
    for _ in range(3):
        run.step(Interruption())
        assert max(lora.change_of_weights().norm() for lora in run.network.loras) <= 1e-3 * 1.0001
