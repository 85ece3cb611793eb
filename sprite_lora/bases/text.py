"""Captions and prompts cut into kohya's 75-token windows, and what text encoders make of them. No torch at import."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BOS, EOS = 49406, 49407
"""CLIP's first and last token."""
WINDOW = 75
"""Tokens of a text that CLIP's 77 positions hold between BOS and EOS."""
SECOND_PAD = 0
"""What SDXL's second tokenizer and SD2's pad with; the others pad with EOS."""


@dataclass(frozen=True)
class Encoded:
    """Encoded texts."""

    states: "torch.Tensor"
    """(texts, 77 | 152 | 227, width); of several encoders the widths side by side."""
    pooled: "torch.Tensor | None"
    """SDXL: (texts, projection width) from the first window; else None."""

    def after(self, first: "Encoded") -> "Encoded":
        """Both texts in one batch, `first` first."""
        import torch

        states = torch.cat([first.states, self.states])
        if first.pooled is None or self.pooled is None:
            return Encoded(states, None)
        return Encoded(states, torch.cat([first.pooled, self.pooled]))


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


def token_windows(ids: list[list[int]], max_token_length: int, pad: int, device: "torch.device") -> "torch.Tensor":
    """The windows of all texts, one after the other: (texts * windows, 77)."""
    import torch

    rows = [window for text in ids for window in windows(text, max_token_length, pad)]
    return torch.tensor(rows, device=device)


def join(states: "torch.Tensor", texts: int) -> "torch.Tensor":
    """(texts * n, 77, width) to (texts, 75 n + 2, width): the first BOS, the 75 of each window, the last position."""
    import torch

    by_text = states.reshape(texts, -1, WINDOW + 2, states.shape[-1])
    middle = by_text[:, :, 1:-1].reshape(texts, -1, states.shape[-1])
    return torch.cat([by_text[:, 0, :1], middle, by_text[:, -1, -1:]], dim=1)
