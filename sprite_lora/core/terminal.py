"""What tools print: text that a file cannot misuse, consoles as wide as they are read, JSON."""

import json
import math
import sys
from typing import Any

from rich.console import Console


def plain(text: str) -> str:
    """Text without the control characters that a file's name or metadata could send to a terminal."""
    return "".join(mark if mark.isprintable() else " " if mark.isspace() else "?" for mark in text)


def console(width: int = 160) -> Console:
    """A console as wide as the terminal, or `width` columns where the output is a file or a pipe.

    Text is printed as it is: square brackets are no markup.
    """
    return _Console(width=None if sys.stdout.isatty() else width, markup=False, highlight=False)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # errors.run ends quietly


def print_json(content: Any) -> None:
    """Print JSON values; infinities, NaN and bytes of names that are not UTF-8, which JSON does not have, as text."""
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    print(text.encode("utf-8", "backslashreplace").decode())


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content
