"""What another machine prints, on this terminal."""

import re
import sys
from pathlib import Path

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it."""

TERMINAL = Path("/dev/tty")


def show(text: str) -> None:
    """Print it as it comes, progress bars too; core.plain_text lets a carriage return begin what is written."""
    for piece in re.split(r"(?=\r)", text):
        sys.stdout.write(piece)
    sys.stdout.flush()


def say(text: str) -> None:
    """A line of our own."""
    print(f"-- {text}", flush=True)


def wants_to_stop() -> bool:
    """Ask on the terminal, after Ctrl-C, what becomes of the job; without a terminal it runs on."""
    try:
        with TERMINAL.open("w", encoding="utf-8") as screen, TERMINAL.open(encoding="utf-8") as keys:
            screen.write("\nThe job is on the other machine. Stop it there (s), or leave it running (Enter)? ")
            screen.flush()
            return keys.readline().strip().lower().startswith("s")
    except (OSError, KeyboardInterrupt):
        return False
