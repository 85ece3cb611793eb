"""`sprite-lora review` as a process, and requests to it over real HTTP."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from places import ROOT

COMMAND = [sys.executable, "-m", "tools.command_line", "review", "--no-open"]

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def started(project: Path, *more: str, opens: bool = False) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The page's address and the process."""
    process = subprocess.Popen(
        [*(COMMAND[:-1] if opens else COMMAND), *more],
        cwd=project,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        address = next(line.strip() for line in process.stdout if line.startswith("http"))
        yield address, process
    finally:
        process.kill()
        process.wait()


class Asked:
    """A reply."""

    def __init__(self, address: str, method: str = "GET", body: object = None, **headers: str) -> None:
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        sent = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, parts.path, sent, kind | named)
        reply = connection.getresponse()
        self.status, self.headers, self.content = reply.status, reply.headers, reply.read()
        connection.close()

    @property
    def json(self) -> Any:
        return json.loads(self.content)
