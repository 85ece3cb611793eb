"""What the person sees when something is wrong: one message, no traceback, exit code 1."""

import sys
import traceback
from collections.abc import Callable


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


def run(main: Callable[[], None]) -> None:
    """Call a tool's `main`; turn a SpriteLoraError into one message on stderr and exit code 1."""
    try:
        main()
    except SpriteLoraError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def run_stage(main: Callable[[], None]) -> None:
    """Call a stage's `main` as `run` does; whatever stops it, say last how to bring the old results back."""
    try:
        run(main)
    except BaseException as stopped:
        if isinstance(stopped, SystemExit) and not stopped.code:
            raise
        if not isinstance(stopped, SystemExit):
            traceback.print_exc()
        print(f"  -> {RESTORE}", file=sys.stderr)
        sys.exit(stopped.code if isinstance(stopped, SystemExit) else 1)
