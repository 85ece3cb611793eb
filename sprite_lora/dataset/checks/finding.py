"""What the rules found: kept small in memory, given its severity and hint when it is written."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from sprite_lora.dataset.checks.rules import RULES, SEVERITIES

QUOTE = 120
"""Characters of a caption that a message quotes at most."""


class Found(NamedTuple):
    """One case of a rule. `message` quotes the offending words."""

    rule: str
    file: str
    message: str


@dataclass(frozen=True)
class Findings:
    """All cases, in order: worst first, then by rule, file and message."""

    cases: tuple[Found, ...]
    severity: dict[str, str]
    """Severity of each rule, params.yaml's word over the rule's own."""

    def of(self, level: str) -> tuple[Found, ...]:
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


def arrange(cases: list[Found], overrides: dict[str, str]) -> Findings:
    """Sort and rate. `overrides` are params.yaml's severities by rule id."""
    severity = {rule: overrides.get(rule, described.severity) for rule, described in RULES.items()}
    order = {rule: (SEVERITIES.index(severity[rule]), position) for position, rule in enumerate(RULES)}
    return Findings(tuple(sorted(set(cases), key=lambda case: (order[case.rule], case.file, case.message))), severity)


def quote(text: str, limit: int = QUOTE) -> str:
    """In double quotes, control characters made visible, cut in the middle when long."""
    if len(text) > limit:
        text = f"{text[: limit * 2 // 3]} ... {text[-(limit // 3) :]}"
    if not text.isprintable():
        text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return f'"{text}"'
