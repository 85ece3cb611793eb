"""A stand-in for a model hub and for a site of models, on loopback: no real one can be reached from where tests run.

It answers what huggingface_hub 0.36 asks: the list of a repository's files, and each file at its commit, with ranges.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import urlsplit

from huggingface_hub import constants, file_download
from huggingface_hub.utils import reset_sessions
from places import ROOT

from tools.command_line import main

REPO = "someone/tiny"
COMMIT = "ab" * 20


class Hub:
    """What is served, how, and what was asked for."""

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        self.ranges = True
        self.lfs = True
        self.cuts: list[int] = []
        """Bytes of a body after which each of the next answers breaks off."""
        self.moved_to = ""
        """Where /moved/FILE sends on to: a scheme and a host."""
        self.status = 200
        self.pause = 0.0
        """Seconds after each 64 KiB of a body."""
        self.etag = True
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of each request."""
        self.sent = 0
        """Bytes of bodies."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, method="GET"):
        return [path for one, path, _ in self.seen if one == method]

    @classmethod
    def of_folder(cls, folder: Path):
        return cls(
            {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
        )


@contextmanager
def serving(hub: Hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_HEAD(self):
            self._answer(body=False)

        def do_GET(self):
            self._answer(body=True)

        def _answer(self, body):
            hub.seen.append((self.command, self.path, dict(self.headers)))
            path = urlsplit(self.path).path
            if hub.status != 200:
                return self._send(hub.status, b"no")
            if path.startswith("/moved/"):
                return self._send(302, b"", {"Location": f"{hub.moved_to}/file/{path.removeprefix('/moved/')}"})
            if path.startswith(f"/api/models/{REPO}"):
                return self._send(200, json.dumps(self._listing()).encode(), {"Content-Type": "application/json"})
            for start in (f"/{REPO}/resolve/{COMMIT}/", "/file/"):
                if path.startswith(start) and path.removeprefix(start) in hub.files:
                    return self._file(hub.files[path.removeprefix(start)], body)
            return self._send(404, b"none", {"X-Error-Code": "EntryNotFound"})

        def _listing(self):
            def sibling(name, content):
                lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
                found = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
                return found | ({"lfs": lfs} if hub.lfs and name.endswith(".safetensors") else {})

            files = [sibling(*file) for file in hub.files.items()]
            return {"id": REPO, "modelId": REPO, "sha": COMMIT, "siblings": files, "tags": [], "private": False}

        def _file(self, content, body):
            digest = hashlib.sha256(content).hexdigest()
            headers = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"} | (
                {"ETag": f'"{digest}"'} if hub.etag else {}
            )
            status, asked = 200, self.headers.get("Range")
            if asked and hub.ranges:
                begin, end = asked.removeprefix("bytes=").split("-")
                first, last = int(begin), min(int(end or len(content)), len(content) - 1)
                if first >= len(content):
                    return self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                status, content = 206, content[first : last + 1]
            return self._send(status, content, headers, body)

        def _send(self, status, content, headers=None, body=True):
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if body and self.command == "GET":
                cut = hub.cuts.pop(0) if hub.cuts and status < 300 else None
                with suppress(ConnectionError):  # nobody wants the rest
                    for begin in range(0, len(content[:cut]), 1 << 16):
                        piece = content[:cut][begin : begin + (1 << 16)]
                        self.wfile.write(piece)
                        hub.sent += len(piece)
                        time.sleep(hub.pause)
                if cut is not None:
                    self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def machine(cache: Path, hub: Hub | None = None, **environment: str):
    """Meanwhile this process is a machine with that cache, and the stand-in as its hub.

    huggingface_hub reads the environment when it is imported, so its constants are set, as it sets them by
    HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE.
    """
    endpoint = hub.url if hub else "http://127.0.0.1:9"
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    values = {
        "ENDPOINT": endpoint,
        "HF_HUB_CACHE": str(cache / "hub"),
        "HF_ASSETS_CACHE": str(cache / "assets"),
        "HF_HUB_OFFLINE": environment.pop("HF_HUB_OFFLINE", "") == "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }
    with (
        patch.multiple(constants, **values),
        patch.object(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template),
        patch.dict(os.environ, environment),
    ):
        reset_sessions()
        try:
            yield
        finally:
            reset_sessions()


def sprite_lora(project: Path, *arguments: str, hub: Hub | None = None, **environment: str):
    """The command in a project, on a machine with the cache `project`/cache. Returns exit code and output."""
    out, errors, code = io.StringIO(), io.StringIO(), 0
    with machine(project / "cache", hub, **environment), chdir(project), redirect_stdout(out), redirect_stderr(errors):
        before = sys.excepthook
        try:
            main(list(arguments))
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.excepthook = before
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=errors.getvalue())


def other_process(project: Path, *command: str, hub: Hub | None = None, **environment: str):
    """`python COMMAND` in a process of its own, by the real environment. Returns it, running."""
    given = {"HF_HOME": str(project / "cache"), "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url if hub else ""}
    return subprocess.Popen(
        [sys.executable, *command], cwd=project, env={**os.environ, "PYTHONPATH": str(ROOT), **given, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def put_list(place: Path, base: Path, away: Path) -> Path:
    """Put a list of `base` in the place of a link to it. Returns the cache, below `away`, that has its weights."""
    (away / "models").mkdir(parents=True)
    done = sprite_lora(away, "base", "add", "base", "--from", str(base))
    assert done.returncode == 0, done.stderr
    place.unlink()
    shutil.copytree(away / "models/base", place)
    return away / "cache"


def damage(cache: Path) -> None:
    """Change a bit of each weight file, as a disk does that fails."""
    for file in cache.rglob("*.safetensors"):
        if not file.is_symlink():
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.unlink()  # it may be a second name of the original
            file.write_bytes(content)
