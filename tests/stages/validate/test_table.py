"""The table on a terminal with colours, on a narrow one, and in a log."""

import io

from rich.console import Console

from sprite_lora.dataset.checks.finding import Finding, arrange
from stages.validate.table import print_findings

CASES = [
    Finding("hex-shared", f"captions/{number}.txt", '#ff0080 is said of "hair" and of "lips"') for number in range(5)
]
CASES += [Finding("transparent", "data/a.png", "1 of 576 pixels are not opaque")]


def printed(every=False, severity=None, **options):
    file = io.StringIO()
    print_findings(arrange(CASES, severity or {}), Console(file=file, **options), every)
    return file.getvalue()


def test_swatches_only_where_colours_show():
    assert "\x1b[48;2;255;0;128m  \x1b[0m #ff0080" in printed(force_terminal=True, color_system="truecolor", width=100)
    assert "\x1b" not in printed(width=100)


def test_counts_first_then_cases():
    lines = printed(width=100).splitlines()
    assert lines[0].split() == ["rule", "severity", "findings", "files", "what"]
    assert lines[1].split()[:4] == ["hex-shared", "error", "5", "5"]
    assert lines[2].split()[:4] == ["transparent", "info", "1", "1"]
    assert sum(line.startswith("  captions/") for line in lines) == 3
    assert "  ... and 2 more: python -m stages.validate --all" in lines
    assert sum(line.startswith("  captions/") for line in printed(every=True, width=100).splitlines()) == 5


def test_a_narrow_terminal_keeps_names_and_numbers():
    lines = printed(width=45).splitlines()
    assert lines[0].startswith("rule         severity  findings  files")
    assert any(line == '  captions/0.txt: #ff0080 is said of "hair" and of "lips"' for line in lines), "never wrapped"


def test_severity_decides_the_order():
    lines = printed(severity={"hex-shared": "info", "transparent": "warning"}, width=100).splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["transparent", "hex-shared"]


def test_nothing_found_prints_nothing():
    file = io.StringIO()
    print_findings(arrange([], {}), Console(file=file), False)
    assert file.getvalue() == ""
