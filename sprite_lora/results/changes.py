"""What changed between two runs: every setting whose effective value differs, captions, prompts, and what is not known.

The report page and `tools.drift` show the same result: `compare(from_params(...), from_params(...))`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sprite_lora.dataset.tokens import ClipTokenizer
from sprite_lora.kohya.effective import SETTINGS, Value
from sprite_lora.kohya.flags import ARCHITECTURE, DATA, GROUPS, SAMPLING, SOFTWARE, SPEED
from sprite_lora.results.caption_changes import CaptionDrift, PromptDrift, compare_captions, compare_prompts
from sprite_lora.results.run_facts import SAMPLING as SAMPLING_SETTINGS
from sprite_lora.results.run_facts import RunFacts

OTHERS = "other stages"
"""Settings that change neither what is trained nor what is drawn, but what is refused, scored, selected or shown."""

ALL_GROUPS = (*GROUPS, OTHERS)

LARGEST = 2**53
"""Larger numbers are no setting's."""

SAMPLING_EFFECTS = {
    "seed": "another noise to start from: other pictures",
    "steps": "denoising steps per picture",
    "guidance_scale": "how far pictures are pushed towards the prompt",
    "scheduler": "another way through the noise: other pictures",
    "negative_prompt": "what pictures are pushed away from",
    "network_mul": "strength of the LoRA in the pictures",
    "size": "size of the pictures that are drawn",
}


@dataclass(frozen=True)
class Change:
    """One setting that differs."""

    name: str
    group: str
    a: str
    b: str
    effect: str
    """What the difference does, in one line."""
    note: str = ""
    counts: bool = True
    """False where it is written differently and does nothing, or changes speed, memory and rounding alone."""


@dataclass(frozen=True)
class Unknown:
    """One setting that cannot be compared."""

    name: str
    group: str
    a: str
    b: str


@dataclass(frozen=True)
class Changes:
    """Two runs against each other."""

    a: str
    b: str
    verdict: str
    changed: tuple[Change, ...]
    """Effective changes, by group."""
    unknown: tuple[Unknown, ...]
    without_effect: tuple[Change, ...]
    """Written differently, or different in speed and memory alone; not counted."""
    others: tuple[Change, ...]
    """Settings of other stages; not counted as changes of the training or the pictures."""
    captions: CaptionDrift
    prompts: PromptDrift

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def compare(a: RunFacts, b: RunFacts, tokenizer: ClipTokenizer | None = None) -> Changes:
    """Compare two runs. `tokenizer` counts how many captions each run's max_token_length cuts."""
    rows = [*_base(a, b), *_settings(a, b), *_sampling(a, b), *_software(a, b)]
    changed = [row for row in rows if isinstance(row, Change) and row.counts]
    idle = [row for row in rows if isinstance(row, Change) and not row.counts]
    unknown = [row for row in rows if isinstance(row, Unknown)]
    limits = (_limit(a), _limit(b))
    captions = compare_captions(a.captions, b.captions, limits, tokenizer)
    prompts = compare_prompts(a.prompts, b.prompts, a.captions, b.captions)

    def order(row: Change | Unknown) -> int:
        return ALL_GROUPS.index(row.group)

    return Changes(
        a=a.name,
        b=b.name,
        verdict=_verdict(changed, unknown, captions, prompts),
        changed=tuple(sorted(changed, key=order)),
        unknown=tuple(sorted(unknown, key=order)),
        without_effect=tuple(sorted(idle, key=order)),
        others=tuple(_others(a, b)),
        captions=captions,
        prompts=prompts,
    )


def _limit(facts: RunFacts) -> int | None:
    value = _number(facts.settings["max_token_length"])
    return None if value is None else int(value)


def _number(value: Value) -> float | None:
    """A setting that is a finite number; None for what is unknown, and for whatever else a file may hold."""
    number = value.value
    is_number = type(number) in (int, float) and abs(number) < LARGEST
    return float(number) if is_number and value.state != "unknown" else None


def show(value: Value) -> str:
    """A setting's value in words: what is in effect and where it comes from."""
    if value.state == "unknown":
        return "unknown" + (f": {value.note}" if value.note not in ("", "not recorded") else "")
    text = plain_value(value.value)
    if value.state == "default":
        return f"{text} ({'not given' if not value.note else f'not given: {value.note}'})"
    return text


def plain_value(value: Any) -> str:
    """`off` for None; floats short; lists joined."""
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain_value, value)) or "none"
    return str(value)


def equal(a: Any, b: Any) -> bool:
    """Whether two values mean the same: 1 and 1.0, AdamW and adamw, None and off."""
    if isinstance(a, str) and isinstance(b, str):
        return a.casefold() == b.casefold()
    return bool(a == b) or (a in (None, False) and b in (None, False))


def _settings(a: RunFacts, b: RunFacts) -> Iterator[Change | Unknown]:
    for name, setting in SETTINGS.items():
        one, other = a.settings[name], b.settings[name]
        if one.active is False and other.active is False:
            if "unknown" not in (one.state, other.state) and not equal(one.value, other.value):
                note = one.idle or other.idle
                yield Change(name, setting.group, show(one), show(other), setting.effect, note, counts=False)
            continue
        if "unknown" in (one.state, other.state):
            yield Unknown(name, setting.group, show(one), show(other))
            continue
        if equal(one.value, other.value):
            continue
        shown = show(one), show(other)
        if None in (one.active, other.active) and True not in (one.active, other.active):
            yield Unknown(
                name,
                setting.group,
                *(f"{text}, {v.idle}" if v.idle else text for text, v in zip(shown, (one, other), strict=True)),
            )
        elif setting.group == SPEED:
            note = "speed, memory and rounding alone"
            yield Change(name, setting.group, *shown, setting.effect, note, counts=False)
        else:
            yield Change(name, setting.group, *shown, setting.effect, _note(name, one, other, a, b))


def _note(name: str, one: Value, other: Value, a: RunFacts, b: RunFacts) -> str:
    """What else there is to say of a changed setting."""
    if name == "network_alpha":
        ratios = [_ratio(facts.settings) for facts in (a, b)]
        if None not in ratios:
            return f"alpha/dim {ratios[0]:g} -> {ratios[1]:g}" + (": unchanged" if ratios[0] == ratios[1] else "")
    for side, value in (("first", one), ("second", other)):
        if value.active is False:
            return f"in the {side} run: {value.idle}"
    return ""


def _ratio(settings: Mapping[str, Value]) -> float | None:
    alpha, dim = _number(settings["network_alpha"]), _number(settings["network_dim"])
    return None if alpha is None or not dim else alpha / dim


def _base(a: RunFacts, b: RunFacts) -> Iterator[Change | Unknown]:
    one, other = a.base, b.base
    effect = "another model to start from: other knowledge, other modules to adapt"
    if one.sha256 and other.sha256:
        if one.sha256 != other.sha256:
            yield Change("base model", ARCHITECTURE, f"{one} {one.sha256[:10]}", f"{other} {other.sha256[:10]}", effect)
    elif one.family and other.family and one.family != other.family:
        yield Change("base model", ARCHITECTURE, str(one), str(other), effect)
    elif one.name and other.name and one.name != other.name:
        yield Change(
            "base model", ARCHITECTURE, str(one), str(other), effect, "names differ; contents were not compared"
        )
    elif not one.name or not other.name:
        yield Unknown("base model", ARCHITECTURE, str(one), str(other))
    if a.sprites and b.sprites and a.sprites != b.sprites:
        yield Change("sprites", DATA, a.sprites[:10], b.sprites[:10], "other pictures to learn from")


def _sampling(a: RunFacts, b: RunFacts) -> Iterator[Change | Unknown]:
    one, other = a.prompts.sampling, b.prompts.sampling
    if not one or not other:
        if one or other:
            yield Unknown("sampling", SAMPLING, *(_all(side) if side else "unknown" for side in (one, other)))
        return
    for name in SAMPLING_SETTINGS:
        if (name in one) != (name in other):
            sides = [plain_value(side[name]) if name in side else "unknown" for side in (one, other)]
            yield Unknown(f"sample.{name}", SAMPLING, sides[0], sides[1])
        elif name in one and not equal(one[name], other[name]):
            values = plain_value(one[name]), plain_value(other[name])
            yield Change(f"sample.{name}", SAMPLING, *values, SAMPLING_EFFECTS[name])


def _all(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {plain_value(value)}" for name, value in settings.items())


def _software(a: RunFacts, b: RunFacts) -> Iterator[Change | Unknown]:
    """Trainer, code and libraries. A params file says nothing of the latter two, which is no difference."""
    effect = "another program, or another version of it, may compute differently"
    for name in dict.fromkeys([*a.software, *b.software]):
        one, other = a.software.get(name), b.software.get(name)
        if one is not None and other is not None:
            if one != other:
                yield Change(name, SOFTWARE, _brief(one), _brief(other), effect)
        elif name == TRAINER or (a.software.keys() - {TRAINER} and b.software.keys() - {TRAINER}):
            yield Unknown(name, SOFTWARE, _brief(one), _brief(other))


TRAINER = "trainer"


def _brief(version: str | None) -> str:
    """A hash by its first ten digits."""
    return "unknown" if version is None else version[:10] if len(version) == 64 else version


def _others(a: RunFacts, b: RunFacts) -> Iterator[Change]:
    if a.others is None or b.others is None:
        return
    for name in dict.fromkeys([*a.others, *b.others]):
        one, other = (plain_value(facts[name]) if name in facts else "absent" for facts in (a.others, b.others))
        if one != other:
            yield Change(
                name, OTHERS, one, other, f"`{name.split('.')[0]}` reads it; training and pictures stay the same"
            )


def _verdict(changed: list[Change], unknown: list[Unknown], captions: CaptionDrift, prompts: PromptDrift) -> str:
    counts = Counter(change.group for change in changed)
    listed = ", ".join(f"{counts[group]} {group}" for group in GROUPS if counts[group])
    number = f"{len(changed)} effective change{'s' * (len(changed) != 1)}" + (f" ({listed})" if listed else "")
    parts = [
        number,
        f"{len(unknown)} setting{'s' * (len(unknown) != 1)} not known on a side" if unknown else "",
        f"captions: {captions.answer}",
        f"prompts: {prompts.answer}",
    ]
    return "; ".join(filter(None, parts))  # fmt: skip
