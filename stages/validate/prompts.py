"""The rules that hold the fixed prompts against the captions: what was never said was never learnt."""

from collections import Counter

from rapidfuzz import process
from rapidfuzz.distance import OSA

from stages.caption import tags, words
from stages.tokens import ClipTokenizer
from stages.validate.finding import Found, quote
from stages.validate.words import check_length

FIXED_SHARE = 0.9
"""A tag that this share of the captions holds is part of their form."""


def check_prompts(
    prompts: dict[str, str],
    captions: list[str],
    said: Counter[str],
    trigger: tuple[str, ...],
    where: dict[str, str],
) -> list[Found]:
    """Trigger, unseen words, form. `said`: captions per word; `where`: a prompt's name to its file and line."""
    found: list[Found] = []
    holders = Counter(tag for caption in captions for tag in set(tags(caption)))
    fixed = [tag for tag, count in holders.items() if count >= FIXED_SHARE * len(captions)]
    for name, prompt in prompts.items():
        file, parts = where[name], tags(prompt)
        begins, start = ", ".join(parts[: len(trigger)]), ", ".join(trigger)
        prefix = f"prompt {quote(name)}"
        if begins != start:
            found.append(
                Found("prompt-trigger", file, f"{prefix} begins {quote(begins)}, every caption {quote(start)}")
            )
        if not captions:
            continue
        for word in dict.fromkeys(words(prompt)):
            if word not in said:
                where_not = f"is in none of the {len(captions)} captions{_near(word, said)}"
                found.append(Found("prompt-unseen", file, f"{prefix}: {quote(word)} {where_not}"))
        missing = [tag for tag in fixed if tag not in parts and tag not in trigger]
        if missing:
            share = f"{min(holders[tag] for tag in missing) / len(captions):.0%}"
            message = f"{prefix} lacks {quote(', '.join(missing))}, which {share} or more of the captions have"
            found.append(Found("prompt-form", file, message))
    return found


def check_prompt_lengths(
    prompts: dict[str, str], tokenizer: ClipTokenizer, limit: int, where: dict[str, str]
) -> list[Found]:
    """Prompts longer than max_token_length: the trainer's own encoding would cut them."""
    found: list[Found] = []
    for name, prompt in prompts.items():
        check_length(prompt, tokenizer.count(prompt), where[name], tokenizer, limit, "prompt-truncated", found)
    return found


def _near(word: str, said: Counter[str]) -> str:
    match = process.extractOne(word, sorted(said), scorer=OSA.distance, score_cutoff=max(1, len(word) // 4))
    return f"; they say {quote(match[0])}" if match else ""
