"""How two versions of the captions differ, and how two sets of prompts differ and sit with the captions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rapidfuzz.distance import Indel

from sprite_lora.core.files import sha256_set, sha256_text
from sprite_lora.dataset.caption import first_line, hex_codes, tags, words
from sprite_lora.dataset.tokens import ClipTokenizer
from sprite_lora.results.run_facts import Captions, Prompts

LARGEST = 5
"""Changed captions that are shown."""

Answer = Literal["same", "different", "unknown"]


@dataclass(frozen=True)
class Cut:
    """How many captions a run's max_token_length cuts."""

    tokens_median: float
    tokens_most: int
    limit: int | None
    """CLIP tokens that were read; None where that is not known."""
    cut: int | None
    captions: int


@dataclass(frozen=True)
class ChangedCaption:
    """One caption in both versions."""

    stem: str
    similarity: float
    """1 for equal texts, 0 for texts without a common character in order (1 - normalised Indel distance)."""
    a: str
    b: str


@dataclass(frozen=True)
class CaptionDrift:
    """The captions of two runs against each other."""

    answer: Answer
    reason: str
    a: str
    b: str
    changed: int | None = None
    unchanged: int | None = None
    added: int | None = None
    removed: int | None = None
    hex_codes: tuple[int, int] | None = None
    """Colour codes in each version."""
    largest: tuple[ChangedCaption, ...] = ()
    tags_gone: Mapping[str, int] = field(default_factory=dict)
    """Tags that the second version does not have, with how often the first had them; the most frequent."""
    tags_new: Mapping[str, int] = field(default_factory=dict)
    cut_a: Cut | None = None
    cut_b: Cut | None = None


def set_hash(texts: Mapping[str, str]) -> str:
    """Hash of a set of captions, as the dataset's manifest has it."""
    return sha256_set({stem: sha256_text(first_line(text)) for stem, text in texts.items()})


def tag_counts(texts: Mapping[str, str]) -> dict[str, int]:
    """How often each tag stands in the captions, lower case, as kohya counts (`set_tag_frequency`)."""
    return dict(Counter(tag.lower() for text in texts.values() for tag in tags(first_line(text))))


def compare_captions(
    a: Captions, b: Captions, limits: tuple[int | None, int | None], tokenizer: ClipTokenizer | None
) -> CaptionDrift:
    """Whether the captions are the same, and what changed; by texts, else by hashes, else by counts of tags."""
    names = (_name(a), _name(b))
    cuts = (_cut(a, limits[0], tokenizer), _cut(b, limits[1], tokenizer))
    answer, reason = _same(a, b)
    guessed = [side for side, one in (("first", a), ("second", b)) if one.certainty == "likely"]
    if guessed and answer != "unknown":
        reason += f"; which captions the {' and the '.join(guessed)} run had is likely, not certain"
    if a.texts is not None and b.texts is not None:
        return _by_texts(a.texts, b.texts, answer, reason, names, cuts)
    tags_a, tags_b = _tags(a), _tags(b)
    gone, new = ({}, {}) if tags_a is None or tags_b is None else (_minus(tags_a, tags_b), _minus(tags_b, tags_a))
    return CaptionDrift(answer, reason, *names, tags_gone=gone, tags_new=new, cut_a=cuts[0], cut_b=cuts[1])


def _name(captions: Captions) -> str:
    return (captions.version or "unknown") + (f" ({captions.certainty})" if captions.certainty != "record" else "")


def _same(a: Captions, b: Captions) -> tuple[Answer, str]:
    hash_a = a.sha256 or (set_hash(a.texts) if a.texts is not None else None)
    hash_b = b.sha256 or (set_hash(b.texts) if b.texts is not None else None)
    if hash_a and hash_b:
        return ("same", "one hash of the set") if hash_a == hash_b else ("different", "two hashes of the set")
    tags_a, tags_b = _tags(a), _tags(b)
    if tags_a is not None and tags_b is not None:
        same = tags_a == tags_b
        return (
            ("same", "each tag stands in both as often")
            if same
            else ("different", "tags stand in them differently often")
        )
    missing = [side for side, known in (("first", hash_a or tags_a), ("second", hash_b or tags_b)) if not known]
    return (
        "unknown",
        f"the captions of the {' and the '.join(missing)} run are not known" if missing else "no common measure",
    )


def _tags(captions: Captions) -> dict[str, int] | None:
    if captions.texts is not None:
        return tag_counts(captions.texts)
    return {tag.lower(): count for tag, count in captions.tags.items()} if captions.tags is not None else None


def _minus(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Tags of the one that the other lacks, the most frequent first."""
    gone = sorted(
        ((tag, count) for tag, count in one.items() if tag not in other), key=lambda item: (-item[1], item[0])
    )
    return dict(gone[:LARGEST])


def _cut(captions: Captions, limit: int | None, tokenizer: ClipTokenizer | None) -> Cut | None:
    if captions.texts is None or tokenizer is None or not captions.texts:
        return None
    counts = sorted(tokenizer.counts([first_line(text) for text in captions.texts.values()]))
    middle = len(counts) // 2
    median = counts[middle] if len(counts) % 2 else (counts[middle - 1] + counts[middle]) / 2
    cut = None if limit is None else sum(count > limit for count in counts)
    return Cut(median, counts[-1], limit, cut, len(counts))


def _by_texts(
    a: Mapping[str, str],
    b: Mapping[str, str],
    answer: Answer,
    reason: str,
    names: tuple[str, str],
    cuts: Sequence[Cut | None],
) -> CaptionDrift:
    one, other = ({stem: first_line(text) for stem, text in texts.items()} for texts in (a, b))
    both = sorted(one.keys() & other.keys())
    changed = [
        ChangedCaption(stem, round(Indel.normalized_similarity(one[stem], other[stem]), 3), one[stem], other[stem])
        for stem in both
        if one[stem] != other[stem]
    ]
    tags_a, tags_b = tag_counts(one), tag_counts(other)
    return CaptionDrift(
        answer,
        reason,
        *names,
        changed=len(changed),
        unchanged=len(both) - len(changed),
        added=len(other.keys() - one.keys()),
        removed=len(one.keys() - other.keys()),
        hex_codes=(sum(len(hex_codes(t)) for t in one.values()), sum(len(hex_codes(t)) for t in other.values())),
        largest=tuple(sorted(changed, key=lambda change: (change.similarity, change.stem))[:LARGEST]),
        tags_gone=_minus(tags_a, tags_b),
        tags_new=_minus(tags_b, tags_a),
        cut_a=cuts[0],
        cut_b=cuts[1],
    )


@dataclass(frozen=True)
class PromptDrift:
    """The prompts of two runs against each other."""

    answer: Answer
    reason: str
    both: tuple[str, ...] = ()
    """Prompts that stand in both."""
    a_alone: tuple[str, ...] = ()
    b_alone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What about a side's prompts does not go with its captions."""


def compare_prompts(a: Prompts, b: Prompts, captions_a: Captions, captions_b: Captions) -> PromptDrift:
    """Prompts by their texts, whatever their names; and each side's against the captions that it was trained on."""
    notes = [
        *(f"first run: {note}" for note in against_captions(a, captions_a)),
        *(f"second run: {note}" for note in against_captions(b, captions_b)),
        *(f"{side} run: {one.note}" for side, one in (("first", a), ("second", b)) if one.note),
    ]
    if a.texts is None or b.texts is None:
        missing = [side for side, one in (("first", a), ("second", b)) if one.texts is None]
        reason = f"the prompts of the {' and the '.join(missing)} run are not known"
        return PromptDrift("unknown", reason, notes=tuple(notes))
    one, other = (
        tuple(dict.fromkeys(text.strip() for text in side.texts.values())) for side in (a, b) if side.texts is not None
    )
    both = tuple(text for text in one if text in other)
    alone = tuple(text for text in one if text not in other), tuple(text for text in other if text not in one)
    answer: Answer = "different" if any(alone) else "same"
    reason = f"{len(both)} in both, {len(alone[0])} of the first run alone, {len(alone[1])} of the second alone"
    return PromptDrift(answer, reason, both, *alone, notes=tuple(notes))  # fmt: skip


def leading_tags(texts: Mapping[str, str]) -> tuple[str, ...]:
    """The tags that every caption begins with, in order: the trigger."""
    split = [tags(first_line(text)) for text in texts.values()]
    common = []
    for place in zip(*split, strict=False):
        if len(set(place)) != 1:
            break
        common.append(place[0])
    return tuple(common)


def against_captions(prompts: Prompts, captions: Captions) -> list[str]:
    """Prompts without the tags that every caption begins with, and words that no caption has."""
    if prompts.texts is None or not captions.texts:
        return []
    found = []
    trigger = leading_tags(captions.texts)
    if trigger:
        lacking = sum(tuple(tags(text))[: len(trigger)] != trigger for text in prompts.texts.values())
        if lacking:
            count, start = f"{lacking} of {len(prompts.texts)} prompts", ", ".join(trigger)
            found.append(f"{count} lack `{start}`, with which every caption begins")
    known = {word for text in captions.texts.values() for word in words(first_line(text))}
    strange = sorted({word for text in prompts.texts.values() for word in words(text)} - known)
    if strange:
        found.append(f"words of the prompts that no caption has: {', '.join(strange)}")
    return found  # fmt: skip
