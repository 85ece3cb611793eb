"""The rules that hold the fixed prompts against the captions: what was never said was never learnt."""

from rapidfuzz import process
from rapidfuzz.distance import OSA

from sprite_lora.dataset.caption import tags, words
from sprite_lora.dataset.checks.census import Census, Order, plain_tags
from sprite_lora.dataset.checks.finding import Found, quote
from sprite_lora.dataset.checks.words import too_long
from sprite_lora.dataset.tokens import ClipTokenizer


def check_prompts(
    prompts: dict[str, str], census: Census, order: Order | None, trigger: tuple[str, ...], where: dict[str, str]
) -> list[Found]:
    """Trigger, unseen words, form. `order` None: training shuffles the tags, so any order is theirs.

    `where`: a prompt's name to its file and line.
    """
    found: list[Found] = []
    for name, prompt in prompts.items():
        file, parts, prefix = where[name], tags(prompt), f"prompt {quote(name)}"
        begins, start = ", ".join(parts[: len(trigger)]), ", ".join(trigger)
        if begins != start:
            found.append(
                Found("prompt-trigger", file, f"{prefix} begins {quote(begins)}, every caption {quote(start)}")
            )
        if not census.captions:
            continue
        for word in dict.fromkeys(words(prompt)):
            if word not in census.words:
                message = f"{prefix}: {quote(word)} is in none of the {census.captions} captions{_near(word, census)}"
                found.append(Found("prompt-unseen", file, message))
        missing = {tag: count for tag, count in census.fixed.items() if tag not in parts and tag not in trigger}
        if missing:
            message = (
                f"{prefix} lacks {quote(', '.join(missing))}, in {min(missing.values())} of {census.captions} captions"
            )
            found.append(Found("prompt-form", file, message))
        if order and (pair := order.broken(plain_tags(prompt))):
            message = f"{prefix} says {quote(pair[0])} before {quote(pair[1])}, captions the other way round"
            found.append(Found("prompt-form", file, message))
    return found


def check_prompt_lengths(
    prompts: dict[str, str], tokenizer: ClipTokenizer, limit: int, where: dict[str, str]
) -> list[Found]:
    """Prompts longer than max_token_length: the trainer's own encoding would cut them."""
    found: list[Found] = []
    for name, prompt in prompts.items():
        if message := too_long(prompt, tokenizer.count(prompt), tokenizer, limit):
            found.append(Found("prompt-truncated", where[name], f"prompt {quote(name)}: {message}"))
    return found


def _near(word: str, census: Census) -> str:
    match = process.extractOne(word, sorted(census.words), scorer=OSA.distance, score_cutoff=max(1, len(word) // 4))
    return f"; they say {quote(match[0])}" if match else ""
