"""Captions and prompts to what the U-Net reads: kohya's 75-token windows, the same for training and for drawing."""

from dataclasses import dataclass

import torch

from sprite_lora.bases.base_model import BaseModel

BOS, EOS = 49406, 49407
"""CLIP's first and last token."""
WINDOW = 75
"""Tokens of a text that CLIP's 77 positions hold between BOS and EOS."""
SECOND_PAD = 0
"""What SDXL's second tokenizer and SD2's pad with; the others pad with EOS."""


@dataclass(frozen=True)
class Encoded:
    """Encoded texts."""

    states: torch.Tensor
    """(texts, 77 | 152 | 227, width); for SDXL both encoders' widths side by side."""
    pooled: torch.Tensor | None
    """SDXL: (texts, projection width) from the first window; else None."""


def windows(ids: list[int], max_token_length: int, pad: int) -> list[list[int]]:
    """Cut token ids into `max_token_length` / 75 windows of 77 (kohya `_get_input_ids`); what is over is cut off.

    Commas do not matter. A window's last id is the whole sequence's last; with a pad of its own (SDXL's second encoder,
    SD2) a full window ends in EOS and an empty one is BOS EOS pad...
    """
    whole = [BOS, *ids[:max_token_length], EOS]
    whole += [pad] * (max_token_length + 2 - len(whole))
    if max_token_length == WINDOW:
        return [whole]
    cut = [[BOS, *whole[start : start + WINDOW], whole[-1]] for start in range(1, max_token_length, WINDOW)]
    if pad != EOS:
        for window in cut:
            if window[-2] not in (EOS, pad):
                window[-1] = EOS
            if window[1] == pad:
                window[1] = EOS
    return cut


def encode(base: BaseModel, texts: list[str], max_token_length: int, clip_skip: int | None = None) -> Encoded:
    """Encode texts as kohya does (`encode_tokens` of its SD and SDXL strategies), with gradients unless forbidden.

    `max_token_length`: 75, 150 or 225 tokens. `clip_skip` None or 1: last layer; n: n-th from the end, then final norm.
    SDXL takes the layer before the last of both encoders, without norm, whatever `clip_skip` says.
    """
    ids = [base.tokenizer.token_ids(text) for text in texts]
    if base.is_sdxl:
        return _encode_sdxl(base, ids, max_token_length)
    (encoder,) = base.text_encoders
    tokens = _tokens(ids, max_token_length, EOS if base.family == "sd_v1" else SECOND_PAD, encoder.device)
    if clip_skip is None:
        states = encoder(tokens)[0]
    else:
        states = encoder(tokens, output_hidden_states=True).hidden_states[-clip_skip]
        states = encoder.text_model.final_layer_norm(states)
    return Encoded(join(states, len(texts)), None)


def _encode_sdxl(base: BaseModel, ids: list[list[int]], max_token_length: int) -> Encoded:
    first, second = base.text_encoders
    states_1 = first(_tokens(ids, max_token_length, EOS, first.device), output_hidden_states=True).hidden_states[-2]
    tokens = _tokens(ids, max_token_length, SECOND_PAD, second.device)
    out = second(tokens, output_hidden_states=True)
    at_eos = (tokens == EOS).int().argmax(dim=1)
    last = out.last_hidden_state[torch.arange(len(tokens), device=tokens.device), at_eos]
    pooled = second.text_projection(last.to(second.text_projection.weight.dtype))
    states = torch.cat([join(states_1, len(ids)), join(out.hidden_states[-2], len(ids))], dim=2)
    return Encoded(states, pooled[:: max_token_length // WINDOW])


def _tokens(ids: list[list[int]], max_token_length: int, pad: int, device: torch.device) -> torch.Tensor:
    rows = [window for text in ids for window in windows(text, max_token_length, pad)]
    return torch.tensor(rows, device=device)


def join(states: torch.Tensor, texts: int) -> torch.Tensor:
    """(texts * n, 77, width) to (texts, 75 n + 2, width): the first BOS, the 75 of each window, the last position."""
    by_text = states.reshape(texts, -1, WINDOW + 2, states.shape[-1])
    middle = by_text[:, :, 1:-1].reshape(texts, -1, states.shape[-1])
    return torch.cat([by_text[:, 0, :1], middle, by_text[:, -1, -1:]], dim=1)
