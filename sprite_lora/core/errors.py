"""What the person sees when something is wrong: one message, no traceback, exit code 1."""

import os
import select
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from sprite_lora.core.plain_text import plain_output


class SpriteLoraError(Exception):
    """A mistake that the user can put right.

    The message says which file (and line), what was found and what is allowed; `hint` says what to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n  -> {self.hint}" if self.hint else message


RESTORE = "DVC clears a stage's old results before it runs; get them back with: dvc checkout; git checkout -- reports"

CLOSED_PIPE = 141
"""Exit code where nobody reads the output any more: 128 and the number of SIGPIPE, as shells give it."""


def run(main: Callable[[], object]) -> None:
    """Call a tool's `main`; turn a SpriteLoraError into one message on stderr and exit code 1.

    Nothing that it prints sends a control character to the terminal, a bug's traceback included. What the system
    refuses (a full disk, no right to read) is one message too. A reader that closes the pipe early, as `| head` does,
    ends it quietly with exit code 141, as it ends `cat`.
    """
    sys.excepthook = _print_plainly
    try:
        with plain_output():
            try:
                main()
                sys.stdout.flush()
            except SpriteLoraError as error:
                print(f"error: {error}", file=sys.stderr)
                sys.exit(1)
            except OSError as error:
                if isinstance(error, BrokenPipeError) or error.errno is None:
                    raise
                said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
                print(f"error: {said}", file=sys.stderr)
                _forget(sys.stdout)
                sys.exit(1)
    except BrokenPipeError:
        closed = [stream for stream in (sys.stdout, sys.stderr) if _has_no_reader(stream)]
        if not closed:
            raise  # another pipe, between processes of ours
        for stream in closed:
            _discard(stream)
        sys.exit(CLOSED_PIPE)


def _print_plainly(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    with plain_output():
        traceback.print_exception(kind, error, trace)


def _forget(stream: TextIO) -> None:
    """Discard what a stream still holds if it cannot be written, as on a full disk."""
    try:
        stream.flush()
    except OSError:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Write nowhere from now on; else Python's flush at the end fails as well."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _has_no_reader(stream: TextIO) -> bool:
    """Whether a stream is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(stream, 0)  # errors and hang-ups are reported unasked
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def run_stage(main: Callable[[], object]) -> None:
    """Call a stage's `main` as `run` does; whatever stops it, say last how to bring the old results back."""
    try:
        run(main)
    except BaseException as stopped:
        if isinstance(stopped, SystemExit) and stopped.code in (None, 0, CLOSED_PIPE):
            raise
        if not isinstance(stopped, SystemExit):
            _print_plainly(type(stopped), stopped, stopped.__traceback__)
        print(f"  -> {RESTORE}", file=sys.stderr)
        sys.exit(stopped.code if isinstance(stopped, SystemExit) else 1)
