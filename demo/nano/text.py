"""The text encoder, first alone: it learns to say which word belongs to which noun of a caption.

CLIP learned its words from pictures; here that would cost hours. A probe with one query per fact (`blonde|hair`) reads
the hidden states as the U-Net's cross attention does, and answers whether the caption says so.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from demo.nano.architecture import TEXT_WIDTH, new_text_encoder
from demo.nano.captions import facts, strange_words, varied
from demo.nano.progress import resumable
from demo.portraits.persona import Persona, caption, description

BATCH = 48


class Probe(nn.Module):
    """Text encoder and one attention query per fact."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.encoder: CLIPTextModel = new_text_encoder()
        # CLIP's start of 0.02 is for width 768; wider apart, words differ from the first step on.
        nn.init.normal_(self.encoder.text_model.embeddings.token_embedding.weight, std=0.1)
        self.queries = nn.Parameter(torch.randn(number, TEXT_WIDTH) / TEXT_WIDTH**0.5)
        self.answers = nn.Parameter(torch.randn(number, TEXT_WIDTH) / TEXT_WIDTH**0.5)
        self.bias = nn.Parameter(torch.full((number,), -3.0))

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (captions, facts) for token ids (captions, 77)."""
        states = self.encoder(ids).last_hidden_state
        weights = (states @ self.queries.T).softmax(dim=1)
        return torch.einsum("btf,btw,fw->bf", weights, states, self.answers) + self.bias


def token_ids(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Padded to the window of 77 that CLIP sees."""
    tokens = tokenizer(captions, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    ids: Tensor = tokens.input_ids
    return ids


def words_unknown_to(crowd: list[Persona], tokenizer: CLIPTokenizer) -> list[str]:
    """The strange words, for captions of this crowd."""
    return strange_words(tokenizer.get_vocab(), " ".join(map(caption, crowd)))


def train(
    crowd: list[Persona], tokenizer: CLIPTokenizer, steps: int, work: Path, say: Callable[[str], None]
) -> CLIPTextModel:
    """The text encoder (the moving average of its weights)."""
    torch.manual_seed(2)
    known = sorted(set().union(*(facts(description(someone).split(", ")) for someone in crowd)))
    place = {fact: column for column, fact in enumerate(known)}
    strange = words_unknown_to(crowd, tokenizer)
    model = Probe(len(known))
    average = copy.deepcopy(model).requires_grad_(False)

    def step(number: int) -> Tensor:
        rng = Random(f"text/{number}")
        pairs = [varied(rng.choice(crowd), rng, strange) for _ in range(BATCH)]
        targets = torch.zeros(BATCH, len(known))
        for row, (_, tags) in enumerate(pairs):
            targets[row, [place[fact] for fact in facts(tags) if fact in place]] = 1.0
        logits = model(token_ids(tokenizer, [text for text, _ in pairs]))
        return functional.binary_cross_entropy_with_logits(logits, targets)

    resumable(work, "text_encoder", model, average, step, steps, peak=2e-3, decay=0.99, say=say)
    return average.encoder
