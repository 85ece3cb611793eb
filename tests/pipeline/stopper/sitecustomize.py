"""Stops a stage in its middle: as it begins to write file STOP_AT, STOP_BY happens to it, or to the disk.

Python imports this at its start where PYTHONPATH names this folder.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

WAY, ROOT = os.environ.get("STOP_BY"), Path(os.environ.get("STOP_ROOT", ""))
left = int(os.environ.get("STOP_AT", "1"))


def stop() -> None:
    if WAY == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif WAY == "full disk":
        with (ROOT / "state" / "filling").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return
    elif WAY == "read-only":
        here = Path.cwd()
        for options in (["--bind", ROOT, ROOT], ["-o", "remount,bind,ro", ROOT]):
            subprocess.run(["mount", *options], check=True)
        os.chdir(here)  # from the disk below to the one that is read-only


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    global left
    if left > 0 and (event == "tempfile.mkstemp" or (event == "open" and ".building" in str(arguments[0]))):
        left -= ROOT in Path(arguments[0]).absolute().parents
        if left == 0:
            stop()


if WAY and os.environ["STOP_STAGE"] in sys.orig_argv:
    sys.addaudithook(hook)
