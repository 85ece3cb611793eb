"""What a shard that failed on another machine said, on this terminal."""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from sprite_lora.core.plain_text import plain
from stages.sample.shards import Shard

LINES = 12
"""Of a job's log."""


class JobErrors(logging.Handler):
    """Prints why Snakemake could not submit a job, or what its log says last; `quiet: rules` hides both."""

    def emit(self, record: logging.LogRecord) -> None:
        """Of Snakemake's records only a job's error has `rule_msg`: the executor's words; None for a local job."""
        said = getattr(record, "rule_msg", None)
        if not said:
            return
        print(f"\n{getattr(record, 'rule_name', 'a job')}: {plain_lines(said)}", file=sys.stderr)
        shard_log, *job_logs = map(Path, getattr(record, "log", []) or [Path()])
        for log in [] if has_said(shard_log) else job_logs:
            if log.is_file():
                lines = log.read_text(encoding="utf-8", errors="replace").rstrip().split("\n")
                print(f"{log}:", plain_lines("\n".join(lines[-LINES:])), sep="\n", file=sys.stderr)


def plain_lines(text: str) -> str:
    """Each line without what a terminal would obey."""
    return "\n".join(map(plain, text.split("\n")))


def has_said(log: Path) -> bool:
    """Whether a shard's log tells of a failure; then `report_failures` prints it."""
    return log.is_file() and bool(failure(log))


def failure(log: Path) -> str:
    """The end of a log from where it tells of a failure; empty where it does not."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = max(text.rfind("error: "), text.rfind("Traceback (most recent call last)"))
    return text[found:].rstrip() if found >= 0 else ""


def report_failures(shards: Iterable[Shard]) -> None:
    """Print the last lines of each shard's log that tells of a failure."""
    for shard in shards:
        log = Path(shard.log)
        said = failure(log) if log.is_file() else ""
        if said:
            print(f"\n{log}:\n{said}\n", file=sys.stderr)
