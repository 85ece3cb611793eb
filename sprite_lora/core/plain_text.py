"""Text that no file can misuse: what is printed sends no control characters to a terminal."""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, delete, C1
    r"\u2028\u2029\u202a-\u202e\u2066-\u2069"  # line separators; what turns the direction of writing
    r"\ud800-\udfff]"  # bytes of names that are not UTF-8
)
"""Characters that a terminal obeys, or that no terminal can show. Other marks of no width (joiners) are text."""

WRITTEN = re.compile(r"(?<!^)\r(?!\n)|" + CONTROL.pattern.replace(r"\x0b-\x1f", r"\x0b\x0c\x0e-\x1f"))
"""The same, but a carriage return may begin what is written, as progress bars have it, and end a line."""


def plain(text: str) -> str:
    """Text on one line, without the control characters that a file could send to a terminal."""
    return CONTROL.sub(harmless, text).replace("\n", " ").replace("\t", " ")


def harmless(match: re.Match[str]) -> str:
    """What stands in place of a control character."""
    return " " if match[0].isspace() else "?"


class PlainStream:
    """A text stream that passes on no control characters but line ends and tabs."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the text, less its control characters."""
        return self.stream.write(WRITTEN.sub(harmless, text))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def plain_output() -> Iterator[None]:
    """Meanwhile nothing that is printed, by whatever code, sends a control character to the terminal.

    What the terminal's encoding does not have is written as an escape.
    """
    if isinstance(sys.stdout, PlainStream):
        yield
        return
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with redirect_stdout(PlainStream(sys.stdout)), redirect_stderr(PlainStream(sys.stderr)):
        yield
