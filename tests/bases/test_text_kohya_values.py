"""Windows of tokens and joined states beside what sd-scripts computed (tests/kohya_values)."""

from itertools import chain, repeat
from types import SimpleNamespace

import pytest
import torch
from places import ROOT, kohya_values

from sprite_lora.bases.registry import load_family
from sprite_lora.bases.text import EOS, SECOND_PAD, windows
from sprite_lora.dataset.tokens import load_tokenizer

TOKENS, STATES = kohya_values("tokens"), kohya_values("states")


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(ROOT / "models" / "nano")


def spread(windows):
    """Runs of [token, how often] as tokens."""
    return [list(chain.from_iterable(repeat(*run) for run in window)) for window in windows]


@pytest.mark.parametrize("case", TOKENS["cases"])
def test_windows_of_tokens(tokenizer, case):
    ids, length = tokenizer.token_ids(TOKENS["texts"][case["text"]]), case["flags"]["max_token_length"]
    assert windows(ids, length, EOS) == spread(case["windows"])
    assert windows(ids, length, SECOND_PAD) == spread(case["sdxl_second_windows"])


class Encoder:
    """As in values_of_data.py: a state says its layer and place; the norm adds 0.5, the projection doubles."""

    device = torch.device("cpu")
    text_model = SimpleNamespace(final_layer_norm=lambda states: states + 0.5)

    def __init__(self):
        self.text_projection = lambda pooled: 2 * pooled
        self.text_projection.weight = torch.zeros(())

    def __call__(self, tokens, output_hidden_states=False):
        at = torch.arange(tokens.numel(), dtype=torch.float32).reshape(*tokens.shape, 1)
        layers = [1000.0 * layer + at for layer in range(13)]
        last = self.text_model.final_layer_norm(layers[-1])
        return SimpleNamespace(hidden_states=layers, last_hidden_state=last) if output_hidden_states else (last,)


@pytest.mark.parametrize("case", STATES["cases"])
def test_states_that_are_joined(tokenizer, case):
    family = load_family(case["base"])
    base = SimpleNamespace(tokenizer=tokenizer, text_encoders=[Encoder() for _ in family.text_encoders])
    encoded = family.encode(base, STATES["texts"], **case["flags"])
    expected = [[first + place for first, length in row for place in range(length)] for row in case["states"]]
    for width in range(len(base.text_encoders)):
        assert encoded.states[..., width].tolist() == expected
    if "pooled" in case:
        assert encoded.pooled[..., 0].tolist() == case["pooled"]
