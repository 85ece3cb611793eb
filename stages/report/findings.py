"""What `validate` found, by rule."""

from dataclasses import dataclass

from sprite_lora.results.validation import Finding
from stages.report.facts import Facts
from stages.report.words import listed, plural

SEVERITIES = ("error", "warning", "info")

MOST_CASES = 50
"""Cases of one rule on the page; reports/validate.json holds them all."""

OPEN = 5
"""A rule with at most so many cases is shown unfolded."""


@dataclass(frozen=True)
class Rule:
    """One rule's cases."""

    rule: str
    severity: str
    count: str
    hint: str
    cases: tuple[Finding, ...]
    more: str
    unfolded: bool


@dataclass(frozen=True)
class Findings:
    """What templates/findings.html shows."""

    summary: str
    rules: tuple[Rule, ...]


def findings(facts: Facts) -> Findings:
    """The section with the findings, gravest first, then by how many there are."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in facts.validation.findings:
        groups.setdefault((finding.severity, finding.rule), []).append(finding)
    ranked = sorted(groups.items(), key=lambda group: (SEVERITIES.index(group[0][0]), -len(group[1]), group[0][1]))
    return Findings(_summary(facts), tuple(_rule(rule, severity, cases) for (severity, rule), cases in ranked))


def _summary(facts: Facts) -> str:
    if not facts.validation.findings:
        return "None: captions, sprites, prompts and settings passed every rule."
    counts = {
        severity: sum(found.severity == severity for found in facts.validation.findings) for severity in SEVERITIES
    }
    said = {"error": "error", "warning": "warning", "info": "remark"}
    named = listed(plural(count, said[severity]) for severity, count in counts.items() if count)
    return f"{named}, found by validate before any training."


def _rule(rule: str, severity: str, cases: list[Finding]) -> Rule:
    more = len(cases) - MOST_CASES
    return Rule(
        rule=rule,
        severity=severity,
        count=plural(len(cases), "case"),
        hint=cases[0].hint,
        cases=tuple(cases[:MOST_CASES]),
        more=f"{plural(more, 'more case')} in reports/validate.json." if more > 0 else "",
        unfolded=len(cases) <= OPEN,
    )
