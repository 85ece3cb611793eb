import pytest
import torch
from transformers import CLIPTokenizer

from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.text import BOS, EOS, windows

WORDS = "pixel art, 24x24, portrait of a lady, blonde hair, blue eyes, "
TEXTS = {
    "empty": "",
    "short": WORDS,
    "75 tokens": "cat " * 75,
    "76 tokens": "cat " * 76,
    "150 tokens": "cat " * 150,
    "151 tokens": "dog " * 151,
    "300 tokens": "dog " * 300,
}


@pytest.fixture(scope="module")
def tokenizer(tiny_sd):
    return CLIPTokenizer.from_pretrained(tiny_sd / "tokenizer", local_files_only=True)


@pytest.fixture(scope="module")
def sd(tiny_sd):
    return load_base(tiny_sd)


@pytest.fixture(scope="module")
def sdxl(tiny_sdxl):
    return load_base(tiny_sdxl)


def padded(tokenizer, text, length, pad):
    """What transformers' own tokenizer makes of a text, padded and cut to length + 2."""
    ids = tokenizer(text, truncation=True, max_length=length + 2).input_ids
    return ids + [pad] * (length + 2 - len(ids))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("pad", [EOS, 0])
def test_one_window_is_what_the_tokenizer_gives(tokenizer, sd, text, pad):
    ids = sd.tokenizer.token_ids(text)
    assert windows(ids, 75, pad) == [padded(tokenizer, text, 75, pad)]


@pytest.mark.parametrize("length", [150, 225])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_windows_padded_with_eos(tokenizer, sd, text, length):
    whole = padded(tokenizer, text, length, EOS)
    cut = windows(sd.tokenizer.token_ids(text), length, EOS)
    assert len(cut) == length // 75
    for number, window in enumerate(cut):
        assert window == [BOS, *whole[1 + 75 * number : 76 + 75 * number], EOS]


@pytest.mark.parametrize("length", [150, 225])
def test_windows_with_a_pad_of_their_own(sd, length):
    short = windows(sd.tokenizer.token_ids("cat " * 10), length, 0)
    assert short[0][:13] == [BOS, *sd.tokenizer.token_ids("cat " * 10), EOS, 0]
    assert short[0][-1] == 0
    assert short[1] == [BOS, EOS, *[0] * 75], "an empty window is BOS EOS pad..."
    full = windows(sd.tokenizer.token_ids("cat " * 80), length, 0)
    assert full[0][-2:] == [sd.tokenizer.token_ids("cat")[0], EOS], "a full window ends in EOS"
    assert full[1][:8] == [BOS, *sd.tokenizer.token_ids("cat " * 5), EOS, 0]
    exact = windows(sd.tokenizer.token_ids("cat " * 75), length, 0)
    assert exact[0][-1] == EOS
    assert exact[1][:3] == [BOS, EOS, 0]


@pytest.mark.parametrize(("length", "positions"), [(75, 77), (150, 152), (225, 227)])
def test_windows_are_encoded_apart_and_joined(sd, length, positions):
    text = "red hat, " * 60
    (encoder,) = sd.text_encoders
    with torch.no_grad():
        states = sd.encode([WORDS, text], length).states
        apart = [encoder(torch.tensor([window]))[0][0] for window in windows(sd.tokenizer.token_ids(text), length, EOS)]
    expected = torch.cat([apart[0][:1], *(window[1:-1] for window in apart), apart[-1][-1:]])
    assert states.shape == (2, positions, 32)
    torch.testing.assert_close(states[1], expected)


def test_clip_skip_counts_layers_from_the_end(sd):
    (encoder,) = sd.text_encoders
    ids = torch.tensor(windows(sd.tokenizer.token_ids(WORDS), 75, EOS))
    with torch.no_grad():
        hidden = encoder(ids, output_hidden_states=True).hidden_states
        for skip in (1, 2, 3):
            expected = encoder.text_model.final_layer_norm(hidden[-skip])
            torch.testing.assert_close(sd.encode([WORDS], 75, skip).states, expected)
        torch.testing.assert_close(sd.encode([WORDS], 75, None).states, sd.encode([WORDS], 75, 1).states)


def test_sdxl_reads_both_encoders_and_the_first_windows_pooled_vector(sdxl):
    first, second = sdxl.text_encoders
    ids = sdxl.tokenizer.token_ids(WORDS)
    with torch.no_grad():
        encoded = sdxl.encode([WORDS], 75)
        one = first(torch.tensor(windows(ids, 75, EOS)), output_hidden_states=True)
        two = second(torch.tensor(windows(ids, 75, 0)), output_hidden_states=True)
        long = sdxl.encode([WORDS], 225)
    torch.testing.assert_close(encoded.states, torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=2))
    torch.testing.assert_close(encoded.pooled, two.text_embeds)
    assert long.states.shape == (1, 227, 96)
    torch.testing.assert_close(long.pooled, encoded.pooled)


def test_sdxl_ignores_clip_skip(sdxl):
    with torch.no_grad():
        torch.testing.assert_close(sdxl.encode([WORDS], 75, 2).states, sdxl.encode([WORDS], 75).states)
