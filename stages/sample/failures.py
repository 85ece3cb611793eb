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
        for log in [] if failure(shard_log) else job_logs:  # `report_failures` prints what the shard says
            text = log.read_text(encoding="utf-8", errors="replace").rstrip() if log.is_file() else ""
            if text:
                print(f"{log}:", plain_lines("\n".join(text.split("\n")[-LINES:])), sep="\n", file=sys.stderr)


def plain_lines(text: str) -> str:
    """Each line without what a terminal would obey."""
    return "\n".join(map(plain, text.split("\n")))


def failure(log: Path) -> str:
    """The end of a log from where it tells of a failure; empty where it does not, or is not there."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    found = max(text.rfind("error: "), text.rfind("Traceback (most recent call last)"))
    return text[found:].rstrip() if found >= 0 else ""


def report_failures(shards: Iterable[Shard]) -> None:
    """Print the last lines of each shard's log that tells of a failure."""
    for shard in shards:
        said = failure(Path(shard.log))
        if said:
            print(f"\n{shard.log}:\n{said}\n", file=sys.stderr)
