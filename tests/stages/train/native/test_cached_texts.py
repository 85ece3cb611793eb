"""cache_text_encoder_outputs: the text states of each caption are computed once, and nothing else changes."""

import pytest
import torch

from sprite_lora.core.errors import SpriteLoraError
from stages.train.faults import Interruption
from stages.train.native.gradients import encode_captions

ALONE = {"network_train_unet_only": True, "shuffle_caption": False, "keep_tokens": 0}


@pytest.fixture(params=["project", "project_sdxl"])
def either(request):
    return request.getfixturevalue(request.param)


def weights(run, steps=3):
    for _ in range(steps):
        run.step(Interruption())
    run.network.restore()
    return {name: tensor.clone() for name, tensor in run.network.state_dict().items()}


def test_states_are_those_of_the_encoders(either, make_run):
    plain = make_run(either, **ALONE)
    run = make_run(either, base=plain.base, **ALONE, cache_text_encoder_outputs=True)
    captions = [picture.caption for picture in run.pictures]
    cached, encoded = encode_captions(run.model, captions), encode_captions(plain.model, captions)
    torch.testing.assert_close(cached.states, encoded.states, rtol=1e-4, atol=1e-5)
    assert (cached.pooled is None) == (encoded.pooled is None)
    if encoded.pooled is not None:
        torch.testing.assert_close(cached.pooled, encoded.pooled, rtol=1e-4, atol=1e-5)


def test_weights_are_the_same_up_to_rounding(either, make_run):
    plain = weights(make_run(either, **ALONE))
    cached = weights(make_run(either, **ALONE, cache_text_encoder_outputs=True))
    assert plain.keys() == cached.keys()
    for name, tensor in plain.items():
        torch.testing.assert_close(cached[name], tensor, rtol=1e-2, atol=2e-4)


def test_encoders_are_not_called_while_it_trains(project, make_run, monkeypatch):
    run = make_run(project, **ALONE, cache_text_encoder_outputs=True)
    assert len(run.model.cached) == len({picture.caption for picture in run.pictures})
    monkeypatch.setattr(type(run.base), "encode", lambda *arguments: pytest.fail("a caption was encoded"))
    run.step(Interruption())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network_train_unet_only": False}, "needs network_train_unet_only: true"),
        ({"shuffle_caption": True}, "switch off shuffle_caption"),
        ({"caption_dropout_rate": 0.1}, "switch off caption_dropout_rate"),
        ({"caption_tag_dropout_rate": 0.1}, "switch off caption_tag_dropout_rate"),
        ({"caption_dropout_every_n_epochs": 2}, "switch off caption_dropout_every_n_epochs"),
    ],
)
def test_what_changes_the_states_is_refused(project, make_run, changes, message):
    with pytest.raises(SpriteLoraError, match=message):
        make_run(project, **{**ALONE, "cache_text_encoder_outputs": True, **changes})


@pytest.mark.gpu
def test_encoders_leave_the_gpu(project, make_run):
    """Needs a GPU: on a CPU there is nothing to leave."""
    from sprite_lora.bases.base_model import load_base
    from sprite_lora.core.params import Paths, load

    base = load_base(load(Paths).base, torch.bfloat16, "cuda")
    run = make_run(project, base=base, **ALONE, cache_text_encoder_outputs=True)
    assert {encoder.device.type for encoder in run.base.text_encoders} == {"cpu"}
    assert encode_captions(run.model, [run.pictures[0].caption]).states.device.type == "cuda"
