"""sd-scripts as a process: started, followed, stopped, and what it said at the end."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, BinaryIO

from sprite_lora.core.plain_text import plain
from stages.train.faults import Interruption

POLL = 0.5
"""Seconds between two looks at what it has written."""

PATIENCE = 30.0
"""Seconds that it gets to end by SIGTERM before SIGKILL."""

LAST_LINES = 15

READ_BACK = 1 << 16
"""Bytes at the end of a log in which its last lines are looked for."""


def environment(checkout: Path, caches: Path) -> dict[str, str]:
    """What it runs under: offline, its own modules alone, and every cache where params say.

    TMPDIR stays: what lies there is small, and sockets in a long path are refused (108 characters).
    """
    left = ("PYTHONHOME", "VIRTUAL_ENV", "LOCAL_RANK", "RANK", "WORLD_SIZE")
    own = {name: value for name, value in os.environ.items() if name not in left and not name.startswith("ACCELERATE_")}
    folder = caches.absolute()
    return {
        **own,
        "PYTHONPATH": str(checkout),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "160",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HOME": str(folder / "huggingface"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "WANDB_MODE": "disabled",
        "TORCH_HOME": str(folder / "torch"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "CUDA_CACHE_PATH": str(folder / "cuda"),
        "XDG_CACHE_HOME": str(folder / "xdg"),
    }


@contextmanager
def alone(lock: Path) -> Iterator[int]:
    """Hold a lock that the process inherits: where a killed stage left it behind, wait until it is gone."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for sd-scripts of a stage that was killed to end", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def follow(
    command: list[str],
    environment: dict[str, str],
    log: Path,
    lock: int,
    interruption: Interruption,
    look: Callable[[], None],
) -> int:
    """Run a command in a process group of its own until it ends; call `look` twice a second. Returns its exit code.

    What it says goes to `log` and to the terminal. Where `interruption` is noted, or `look` raises, its group gets
    SIGTERM, and SIGKILL where that does not end it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as kept:
        kept.write(f"$ {' '.join(command)}\n".encode())
        kept.flush()
        process = subprocess.Popen(  # noqa: S603  a pinned checkout's trainer
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, pass_fds=(lock,),
        )  # fmt: skip
        assert process.stdout is not None
        reader = Thread(target=_pass_on, args=(process.stdout, kept), daemon=True)
        reader.start()
        try:
            while process.poll() is None and not interruption.number:
                look()
                time.sleep(POLL)
        finally:
            _end(process, interruption.number or signal.SIGTERM)
            reader.join()
    return process.returncode


def _end(process: "subprocess.Popen[bytes]", number: int) -> None:
    """End the whole group, and wait until its first process is gone."""
    for signal_number in (number, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        try:
            process.wait(PATIENCE)
            break
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whoever of the group outlived it


def _pass_on(said: IO[bytes], kept: BinaryIO) -> None:
    """To the log as it is; to a terminal as it is, to anything else in whole lines without the bars between them.

    A reader of this process's output that went away does not stop the training.
    """
    line, heard = b"", True
    while chunk := os.read(said.fileno(), 1 << 14):
        kept.write(chunk)
        kept.flush()
        *whole, line = (line + chunk).split(b"\n")
        try:
            if heard:
                _show(chunk, whole)
        except OSError:
            heard = False


def _show(chunk: bytes, lines: list[bytes]) -> None:
    if sys.stdout.isatty():
        sys.stdout.buffer.write(chunk)
    else:
        for text in filter(None, map(_shown, lines)):
            print(text)
    sys.stdout.flush()


BAR = re.compile(r"\d+%\|.*\|")


def _shown(line: bytes) -> str:
    """What of a line is no progress bar: bars end with a carriage return, and the stage writes lines of its own."""
    text = line.rstrip(b"\r").split(b"\r")[-1].decode(errors="replace")
    return "" if BAR.search(text) else plain(text).rstrip()


def last_lines(log: Path) -> str:
    """The end of what it said, for a person."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - READ_BACK))
        lines = [_shown(line) for line in file.read().split(b"\n")]
    return "\n".join(f"    {line}" for line in [line for line in lines if line][-LAST_LINES:])
