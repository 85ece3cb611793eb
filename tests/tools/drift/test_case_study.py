"""docs/case-study.md shows what its commands print."""

import re
import shlex
import subprocess
import sys
from functools import lru_cache

import pytest
from places import ROOT, SHARED

PAGE = (ROOT / "docs" / "case-study.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n\$ (.+?)\n(.*?)```", PAGE, re.DOTALL)


@lru_cache
def output(shown: str) -> list[str]:
    program, *arguments = shlex.split(shown)
    assert program == "sprite-lora"
    command = [sys.executable, "-m", "tools.command_line", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line.strip() for line in result.stdout.splitlines()]


@pytest.fixture(autouse=True)
def real_history() -> None:
    if not (SHARED / "real" / "history.csv").is_file():
        pytest.skip("the real history is not on this machine")


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_line_that_is_shown_is_printed_in_that_order(number: int) -> None:
    """`...` stands for lines that are left out."""
    command, shown = BLOCKS[number]
    printed = iter(output(command))
    for line in filter(None, map(str.strip, shown.splitlines())):
        assert line == "..." or line in printed, line


def test_the_table_of_changes() -> None:
    printed = output(next(command for command, _ in BLOCKS if command.endswith("--md")))
    rows = [line for line in PAGE.splitlines() if re.match(r"\| [a-z ]+ \| `", line)]
    assert rows == [line for line in printed if re.match(r"\| [a-z ]+ \| `", line)]
    assert len(rows) == 13


def test_no_person_is_named() -> None:
    assert not re.search(r"@|/home/|/Users/|https?://", PAGE)
