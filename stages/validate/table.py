"""The findings for the person: counts first, then the first cases of each rule, colours shown as colours."""

import re
from collections import defaultdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sprite_lora.dataset.checks.finding import Finding, Findings
from sprite_lora.dataset.checks.rules import RULES

FIRST = 3
"""Cases shown of each rule, unless all are asked for."""

STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}
CODE = re.compile(r"#[0-9a-fA-F]{6}\b")


def print_findings(findings: Findings, console: Console, every: bool) -> None:
    """Print the table and the cases. Swatches only where the console shows colours."""
    counts = findings.counts()
    if not counts:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    # On a narrow terminal the last column gives way.
    table.add_column("rule", no_wrap=True, min_width=max(map(len, counts)))
    table.add_column("severity", no_wrap=True, min_width=8)
    table.add_column("findings", no_wrap=True, min_width=8, justify="right")
    table.add_column("files", no_wrap=True, min_width=5, justify="right")
    table.add_column("what", no_wrap=True)
    for rule, count in counts.items():
        level = Text(count["severity"], STYLES[count["severity"]])
        table.add_row(rule, level, str(count["findings"]), str(count["files"]), RULES[rule].title)
    console.print(table)
    cases: dict[str, list[Finding]] = defaultdict(list)
    for case in findings.cases:
        cases[case.rule].append(case)
    for rule, listed in cases.items():
        console.print()
        console.print(Text(rule, STYLES[findings.severity[rule]]), Text(f"-> {RULES[rule].hint}"), soft_wrap=True)
        for case in listed if every else listed[:FIRST]:
            console.print(Text(f"  {case.file}: ") + swatched(case.message, console), soft_wrap=True)
        if not every and len(listed) > FIRST:
            console.print(
                Text(f"  ... and {len(listed) - FIRST} more: python -m stages.validate --all", "dim"), soft_wrap=True
            )


def swatched(message: str, console: Console) -> Text:
    """The message with a block of its colour before every code, on a console that shows colours."""
    if not console.color_system:
        return Text(message)
    text = Text()
    last = 0
    for match in CODE.finditer(message):
        text.append(message[last : match.start()])
        text.append("  ", f"on {match[0]}")
        text.append(f" {match[0]}")
        last = match.end()
    return text.append(message[last:])
