"""The rules that hold prompts against the captions: what no caption says was never learnt."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from sprite_lora.dataset.caption import tags, words
from sprite_lora.dataset.checks.captions import too_long
from sprite_lora.dataset.checks.census import Census, Order, plain_tags
from sprite_lora.dataset.checks.finding import Finding, quote
from sprite_lora.dataset.checks.pairs import Pair
from sprite_lora.dataset.tokens import ClipTokenizer


class Prompt(NamedTuple):
    """One prompt to check."""

    name: str
    text: str
    file: str
    """What findings name: `params.yaml:12` for instance."""


def check_prompt(prompt: Prompt, trigger: tuple[str, ...], census: Census, order: Order | None) -> Iterator[Finding]:
    """Trigger, unseen words, form. `order` None: training shuffles the tags, so a prompt may have them in any order."""
    parts, prefix = tags(prompt.text), f"prompt {quote(prompt.name)}"
    begins, start = ", ".join(parts[: len(trigger)]), ", ".join(trigger)
    if begins != start:
        message = f"{prefix} begins {quote(begins)}, every caption {quote(start)}"
        yield Finding("prompt-trigger", prompt.file, message)
    if not census.captions:
        return
    for word in dict.fromkeys(words(prompt.text)):
        if word not in census.words:
            message = f"{prefix}: {quote(word)} is in none of the {census.captions} captions{_near(word, census)}"
            yield Finding("prompt-unseen", prompt.file, message)
    missing = {tag: count for tag, count in census.fixed.items() if tag not in parts and tag not in trigger}
    if missing:
        holders = f"{min(missing.values())} of {census.captions} captions"
        yield Finding("prompt-form", prompt.file, f"{prefix} lacks {quote(', '.join(missing))}, in {holders}")
    if order and (pair := order.broken(plain_tags(prompt.text))):
        message = f"{prefix} says {quote(pair[0])} before {quote(pair[1])}, captions the other way round"
        yield Finding("prompt-form", prompt.file, message)


def check_prompt_length(prompt: Prompt, tokenizer: ClipTokenizer, limit: int) -> Iterator[Finding]:
    """The prompt is longer than max_token_length, so that encoding would cut it."""
    for message in too_long(prompt.text, tokenizer.count(prompt.text), tokenizer, limit):
        yield Finding("prompt-truncated", prompt.file, f"prompt {quote(prompt.name)}: {message}")


def check_copied(prompts: Iterable[Prompt], pairs: Iterable[Pair]) -> Iterator[Finding]:
    """Prompts that are captions word for word."""
    by_text = {prompt.text.strip(): prompt for prompt in prompts}
    for pair in pairs:
        if pair.caption is not None and (prompt := by_text.get(pair.caption)):
            message = f"prompt {quote(prompt.name)} is the caption of {quote(pair.stem)}"
            yield Finding("prompt-caption", prompt.file, message)


def _near(word: str, census: Census) -> str:
    match = process.extractOne(word, sorted(census.words), scorer=OSA.distance, score_cutoff=max(1, len(word) // 4))
    return f"; they say {quote(match[0])}" if match else ""
