"""Files between this project's folder and a machine that ssh reaches, by rsync."""

import re
import shlex
import subprocess
import time
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.plain_text import CONTROL
from tools.run.runners import SshRunner
from tools.run.show import say
from tools.run.task import CODE, FILES, Task

SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o",
       "ServerAliveCountMax=4")  # fmt: skip
"""No questions: keys come from ssh's agent or files, and a host key that is not known is refused."""

PATIENCE = (2, 5, 10, 30, 60)
"""Seconds between tries to reach a machine again; the last one counts for all further tries of a job's state."""

STATE, LOGS = Path("state/train"), Path("logs")

SAFE_RSYNC = (3, 2, 5)

PLAIN_FILES = ("--no-links", "--no-devices", "--no-specials")
"""Nothing but files and folders comes from another machine."""

FULL = ("No space left", "Disk quota exceeded")


class Transfer:
    """Uploads and downloads of one runner."""

    def __init__(self, name: str, runner: SshRunner, ssh: tuple[str, ...] = SSH) -> None:
        self._name = name
        self._ssh = ssh
        self._host = runner.host
        self._there = f"{runner.host}:{runner.folder}"
        self._state_is_behind = False

    def send(self, task: Task) -> None:
        """Bring code, params and the stage's inputs there, and the training state where there is one."""
        code = [name for name in (*CODE, *FILES) if Path(name).exists()]
        sources = [f"./{name}" for name in [*code, *map(str, task.deps)]]
        options = ("-rtR", "--copy-links", "--delete", "--exclude=__pycache__")
        sent = self._rsync(*options, *sources, f"{self._there}/")
        if sent.returncode == 0 and STATE.is_dir():
            sent = self._rsync("-rtR", "--update", "--exclude=lock", f"./{STATE}/", f"{self._there}/")
        if sent.returncode:
            raise self._failed("upload", sent)

    def fetch_state(self) -> None:
        """Bring training state and logs home, as far as they are there; what fails is said, and comes the next time.

        In the order in which each needs the next one: the state to go on from, the list of checksums, the epochs.
        """
        parts: list[tuple[str, ...]] = [
            ("--include=*/", f"--include={name}", "--exclude=*") for name in ("resume.pt", "SHA256SUMS")
        ]
        parts.append(("--exclude=resume.pt", "--exclude=SHA256SUMS", "--exclude=lock", "--exclude=.*.tmp"))
        done = [self._rsync("-rt", *PLAIN_FILES, *part, f"{self._there}/{STATE}", "state") for part in parts]
        done.append(self._rsync("-rt", *PLAIN_FILES, f"{self._there}/{LOGS}", "."))
        failed = [one for one in done if one.returncode and not is_missing(one)]
        if failed and not self._state_is_behind:
            say(f"{self._name}: training state or logs did not come home: {reason(failed[0])}")
        self._state_is_behind = bool(failed)

    def fetch(self, task: Task) -> subprocess.CompletedProcess[str] | None:
        """Bring a stage's results home, and remove here what it did not write.

        Returns the transfer that failed, or None. Raises SpriteLoraError where a result is no plain file or folder, or
        its name has control characters.
        """
        for out in task.outs:
            out.parent.mkdir(parents=True, exist_ok=True)
            options = ("-rt", "--delete", *PLAIN_FILES, "--exclude=.*.tmp")
            fetched = self._rsync(*options, f"{self._there}/{out}", f"{out.parent}/")
            if "non-regular" in fetched.stdout + fetched.stderr:
                raise SpriteLoraError(f"{self._name}: {out} there holds a link or a device; it is not taken")
            for path in out.rglob("*"):
                if CONTROL.search(path.name) or "\n" in path.name or "\t" in path.name:
                    raise SpriteLoraError(f"{self._name}: {out} has a file with control characters in its name: {path}")
            if fetched.returncode:
                return fetched
        return None

    def fetch_all(self, task: Task) -> None:
        """`fetch`, tried again where the connection breaks. Raises SpriteLoraError where it does not come whole."""
        for pause in PATIENCE:
            failed = self.fetch(task)
            if failed is None:
                return
            if any(word in failed.stderr for word in FULL):
                break
            say(f"{self._name}: the results of {task.stage} did not come whole; trying again")
            time.sleep(pause)
        assert failed is not None
        raise self._failed("download", failed)

    def _rsync(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["rsync", "-e", shlex.join(self._ssh), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _failed(self, action: str, done: subprocess.CompletedProcess[str]) -> SpriteLoraError:
        said = reason(done)
        hint = f"try: ssh {self._host} true"
        if any(word in said for word in FULL):
            place = "here" if action == "download" else f"on {self._name}"
            hint = f"free space {place} and run again: what is finished is kept"
        return SpriteLoraError(f"{self._name} ({self._host}): {action}: {said}", hint)


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """The line of rsync's that says why it failed: of a full disk, else the first about a file, else the last one."""
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    full = [line for line in lines if any(word in line for word in FULL)]
    return [*full, *(line for line in lines if line.startswith("rsync: [")), lines[-1]][0]


def is_missing(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether nothing went wrong but that a folder is not there yet."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("rsync: ")]
    return bool(lines) and all("No such file or directory" in line for line in lines)


def require_rsync() -> None:
    """Raise SpriteLoraError where rsync is missing, or so old that it takes files that it did not ask for."""
    try:
        said = subprocess.run(["rsync", "--version"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        said = ""
    found = re.search(r"version v?(\d+)\.(\d+)\.(\d+)", said)
    if found is None or tuple(map(int, found.groups())) < SAFE_RSYNC:
        needed = ".".join(map(str, SAFE_RSYNC))
        raise SpriteLoraError(
            f"rsync {found[0] if found else 'is missing'}: {needed} or newer is needed here, since an older one takes"
            " files that it did not ask for (CVE-2022-29154)",
            "apt install rsync, brew install rsync",
        )
