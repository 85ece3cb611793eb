"""What the rules find: kept small in memory, given its severity and hint when it is written."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sprite_lora.dataset.checks.rules import RULES, SEVERITIES

QUOTE = 120
"""Characters of a caption that a message quotes at most."""


class Finding(NamedTuple):
    """One case of a rule."""

    rule: str
    file: str
    """As `shown` writes it; `params.yaml:12` for a setting."""
    message: str
    """Quotes the offending words."""


@dataclass(frozen=True)
class Findings:
    """All cases, in order: worst first, then by rule, file and message."""

    cases: tuple[Finding, ...]
    severity: dict[str, str]
    """Severity of each rule; params.yaml's goes before the rule's own."""

    def of(self, level: str) -> tuple[Finding, ...]:
        """Cases of one severity."""
        return tuple(case for case in self.cases if self.severity[case.rule] == level)

    def counts(self) -> dict[str, dict[str, Any]]:
        """Rule id to its severity, number of findings and number of files, worst first."""
        findings = Counter(case.rule for case in self.cases)
        files = Counter(rule for rule, _ in {(case.rule, case.file) for case in self.cases})
        return {
            rule: {"severity": self.severity[rule], "findings": findings[rule], "files": files[rule]}
            for rule in dict.fromkeys(case.rule for case in self.cases)
        }

    def as_json(self) -> list[dict[str, str]]:
        """What reports/validate.json lists."""
        return [
            {
                "rule": case.rule,
                "severity": self.severity[case.rule],
                "file": case.file,
                "message": case.message,
                "hint": RULES[case.rule].hint,
            }
            for case in self.cases
        ]


def arrange(cases: Iterable[Finding], overrides: dict[str, str]) -> Findings:
    """Sort and rate. `overrides` are params.yaml's severities by rule id."""
    severity = {rule: overrides.get(rule, described.severity) for rule, described in RULES.items()}
    order = {rule: (SEVERITIES.index(severity[rule]), position) for position, rule in enumerate(RULES)}
    return Findings(tuple(sorted(set(cases), key=lambda case: (order[case.rule], case.file, case.message))), severity)


def shown(path: Path | str) -> str:
    """A path as findings name it: with slashes, on one line; control characters and bytes of no UTF-8 are escaped."""
    return _visible(os.fspath(path).replace(os.sep, "/"))


def quote(text: str, limit: int = QUOTE) -> str:
    """In double quotes, control characters made visible, cut in the middle when long."""
    if len(text) > limit:
        text = f"{text[: limit * 2 // 3]} ... {text[-(limit // 3) :]}"
    return f'"{_visible(text)}"'


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
