"""The parameters of this run and the record that its results carry."""

import json
from dataclasses import dataclass
from typing import Any

from stages.report.facts import Facts


@dataclass(frozen=True)
class Section:
    """One section of params.yaml."""

    name: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Record:
    """What templates/record.html shows."""

    facts: tuple[tuple[str, str], ...]
    params: tuple[Section, ...]


def record(facts: Facts) -> Record:
    """The section with the record and every parameter."""
    shown: list[tuple[str, str]] = []
    if made := facts.record:
        shown = [
            ("Fingerprint of all below", made.fingerprint),
            ("Captions (set hash)", made.captions),
            ("Sprites (set hash)", made.sprites),
            ("Base model", made.base),
            ("Code of train", made.code),
            ("Libraries", ", ".join(f"{name} {version}" for name, version in sorted(made.versions.items()))),
        ]
    sections = (Section(name, tuple(flat(content))) for name, content in facts.params.items())
    return Record(tuple(shown), tuple(sections))


def flat(content: Any, before: str = "") -> list[tuple[str, str]]:
    """(dotted key, value as params.yaml spells it) pairs of nested mappings."""
    if not isinstance(content, dict) or not content:
        return [(before, spelled(content))]
    pairs = []
    for key, value in content.items():
        pairs.extend(flat(value, f"{before}.{key}" if before else str(key)))
    return pairs


def spelled(value: Any) -> str:
    """A value on one line: text as it is (quoted where it is empty), everything else as JSON."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
