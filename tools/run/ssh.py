"""A stage on a machine that ssh reaches: files travel by rsync, the command runs there on its own.

A connection that breaks stops nothing there. Who asks again for the same work follows the job that is running.
"""

import os
import re
import select
import shlex
import subprocess
import time
from codecs import getincrementaldecoder
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from tools.run.runners import SshRunner
from tools.run.show import INTERRUPTED, say, show, wants_to_stop
from tools.run.task import CODE, FILES, Task

SCRIPT = Path(__file__).with_name("there.sh")

SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o",
       "ServerAliveCountMax=4")  # fmt: skip
"""No questions: keys come from ssh's agent or files, and a host key that is not known is refused."""

NO_CONNECTION = 255
"""ssh's exit code."""

BUSY = 75
"""there.sh's exit code where another job runs."""

PROBE = 8_000_000
"""Bytes that are sent to measure the link."""

PATIENCE = (2, 5, 10, 30, 60)
"""Seconds between tries to reach a machine again; the last one counts for all further tries."""

STATE, LOGS = Path("state/train"), Path("logs")

SAFE_RSYNC = (3, 2, 5)

PLAIN_FILES = ("--no-links", "--no-devices", "--no-specials")
"""Nothing but files and folders comes from another machine."""


class Machine:
    """The machine of an ssh runner."""

    def __init__(self, name: str, runner: SshRunner) -> None:
        self.name = name
        self.runner = runner
        self.ssh: tuple[str, ...] = SSH
        self._seen = 0
        """Bytes of the job's log that were printed."""

    def run(self, task: Task) -> int:
        """Run a stage there, or follow it where it runs already, and bring its results home. Returns its exit code."""
        require_rsync()
        job = f"{task.stage}-{task.identity}"
        self._reach("prepare", job)
        state = self._reach("state", job).strip()
        if state == "running":
            say(f"{task.stage} runs on {self.name} already; following it")
        elif state != "ended 0":
            self._send(task)
            self._start(task, job)
        try:
            return self._follow(task, job)
        except KeyboardInterrupt:
            if not wants_to_stop():
                say(f"{task.stage} goes on at {self.name}; `sprite-lora run --on {self.name}` follows it again")
                return INTERRUPTED
            say(f"{task.stage} is told to save what it has and to end")
            self._reach("stop")
            return self._follow(task, job)

    def check(self, task: Task) -> int:
        """Bring a task there, say how fast the link is, and run its command in sight. Returns its exit code."""
        require_rsync()
        self._reach("prepare")
        begun = time.monotonic()
        self._send(task)
        say(f"code and inputs of {task.stage} are on {self.name}, after {time.monotonic() - begun:.0f} s")
        say(f"the link to it: {self._megabytes_per_second():.1f} MB a second")
        words = self._words("call", "none", self.runner.setup, task.command)
        done = subprocess.Popen([*self.ssh, self.runner.host, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert done.stdin is not None
        assert done.stdout is not None
        with done:
            done.stdin.write((self._exports() + SCRIPT.read_text(encoding="utf-8")).encode())
            done.stdin.close()
            for line in done.stdout:
                show(line.decode(errors="replace"))
        return done.returncode

    def _megabytes_per_second(self) -> float:
        """Of random bytes, sent there once."""
        begun = time.monotonic()
        command = [*self.ssh, self.runner.host, "cat >/dev/null"]
        subprocess.run(command, input=os.urandom(PROBE), capture_output=True, check=False)
        return PROBE / 1e6 / (time.monotonic() - begun)

    def jobs(self) -> list[list[str]]:
        """Name, state and last line of each job there, as far as it is kept."""
        return [line.split("\t") for line in self._reach("jobs").splitlines()]

    def stop(self) -> str:
        """Have the job that runs there save what it has and end. Returns its name."""
        return self._reach("stop").strip()

    def _start(self, task: Task, job: str) -> None:
        runner = self.runner
        seconds, idle = str(runner.seconds or 0), str(round(runner.idle_minutes * 60))
        started = self._there(
            "start", job, seconds, runner.setup, task.command, idle, runner.at_idle or "", before=self._exports()
        )
        if started.returncode == BUSY:
            raise SpriteLoraError(
                f"{self.name} is busy with another job: {started.stdout.strip()}",
                f"wait for it, or end it: sprite-lora run --on {self.name} --stop",
            )
        if started.returncode:
            raise self._failed("start", started)
        say(f"{task.stage} runs on {self.name}; Ctrl-C asks whether to stop it or to leave it running")

    def _exports(self) -> str:
        """Shell lines that set the runner's environment; they travel on standard input, in sight of no process list."""
        passed = {name: os.environ[name] for name in self.runner.pass_env if name in os.environ}
        values = {**self.runner.env, **passed}
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())

    def _follow(self, task: Task, job: str) -> int:
        """Print what the job prints, from its beginning, until it has ended; bring results home meanwhile."""
        while True:
            self._show(task, job)
            state = self._reach("state", job).strip()
            if state == "running":
                say(f"{self.name}: the connection broke; {task.stage} runs on there. Reaching it again")
            elif state == "gone":
                self._fetch_state()
                raise SpriteLoraError(
                    f"{self.name}: {task.stage} is gone there, without an exit code", "run again: it goes on"
                )
            else:
                code = int(state.removeprefix("ended "))
                self._fetch_state()
                if code == 0:
                    self._fetch_all(task)
                return code

    def _show(self, task: Task, job: str) -> None:
        """Print the job's log, from where it was last seen, until it ends or the connection breaks."""
        decoder = getincrementaldecoder("utf-8")("replace")
        follower = subprocess.Popen(
            [*self.ssh, self.runner.host, *self._words("follow", job, str(self._seen))],
            stdin=SCRIPT.open("rb"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert follower.stdout is not None
        fetched = time.monotonic()
        with follower:
            while True:
                ready, _, _ = select.select([follower.stdout], [], [], 1)
                if ready:
                    chunk = os.read(follower.stdout.fileno(), 1 << 16)
                    if not chunk:
                        return
                    self._seen += len(chunk)
                    show(decoder.decode(chunk))
                if time.monotonic() - fetched > self.runner.sync_seconds:
                    self._fetch_state()
                    self.fetch(task)
                    fetched = time.monotonic()

    def _send(self, task: Task) -> None:
        """Bring code, params and the stage's inputs there, and the training state where there is one."""
        code = [name for name in (*CODE, *FILES) if Path(name).exists()]
        sources = [f"./{name}" for name in [*code, *map(str, task.deps)]]
        options = ("-rtR", "--copy-links", "--delete", "--exclude=__pycache__")
        sent = self._rsync(*options, *sources, f"{self.runner.host}:{self.runner.folder}/")
        if sent.returncode == 0 and STATE.is_dir():
            sent = self._rsync(
                "-rtR", "--update", "--exclude=lock", f"./{STATE}/", f"{self.runner.host}:{self.runner.folder}/"
            )
        if sent.returncode:
            raise self._failed("upload", sent)

    def _fetch_state(self) -> None:
        """Bring training state and logs home, as far as they are there; what fails now comes the next time.

        In the order in which each needs the next one: the state to go on from, the list of checksums, the epochs.
        """
        there = f"{self.runner.host}:{self.runner.folder}"
        for name in ("resume.pt", "SHA256SUMS"):
            alone = ("--include=*/", f"--include={name}", "--exclude=*")
            self._rsync("-rt", *PLAIN_FILES, *alone, f"{there}/{STATE}", "state")
        others = ("--exclude=resume.pt", "--exclude=SHA256SUMS", "--exclude=lock", "--exclude=.*.tmp")
        self._rsync("-rt", *PLAIN_FILES, *others, f"{there}/{STATE}", "state")
        self._rsync("-rt", *PLAIN_FILES, f"{there}/{LOGS}", ".")

    def fetch(self, task: Task) -> subprocess.CompletedProcess[str] | None:
        """Bring a stage's results home, and remove here what it did not write.

        Returns the transfer that failed, or None. Raises SpriteLoraError where a result is no plain file or folder.
        """
        there = f"{self.runner.host}:{self.runner.folder}"
        for out in task.outs:
            out.parent.mkdir(parents=True, exist_ok=True)
            options = ("-rt", "--delete", *PLAIN_FILES, "--exclude=.*.tmp")
            fetched = self._rsync(*options, f"{there}/{out}", f"{out.parent}/")
            if "non-regular" in fetched.stdout + fetched.stderr:
                raise SpriteLoraError(f"{self.name}: {out} there holds a link or a device; it is not taken")
            if fetched.returncode:
                return fetched
        return None

    def _fetch_all(self, task: Task) -> None:
        """`fetch`, tried again where the connection breaks. Raises SpriteLoraError where it does not come whole."""
        for pause in PATIENCE:
            failed = self.fetch(task)
            if failed is None:
                return
            say(f"{self.name}: the results of {task.stage} did not come whole; trying again")
            time.sleep(pause)
        assert failed is not None
        raise self._failed("download", failed)

    def _reach(self, action: str, job: str = "none") -> str:
        """What an action prints there; tried again and again while the machine cannot be reached."""
        for attempt in range(1 << 30):
            done = self._there(action, job)
            if done.returncode == 0:
                return done.stdout
            if done.returncode != NO_CONNECTION or (attempt == 0 and action == "prepare"):
                raise self._failed(action, done)
            if attempt == 0:
                say(f"{self.name} cannot be reached; trying again until it can, or Ctrl-C")
            time.sleep(PATIENCE[min(attempt, len(PATIENCE) - 1)])
        raise AssertionError

    def _words(self, action: str, job: str, *arguments: str) -> list[str]:
        """The remote command line; ssh joins words with spaces, so each is quoted."""
        return [shlex.quote(word) for word in ("sh", "-s", "--", action, self.runner.folder, job, *arguments)]

    def _there(self, action: str, job: str, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
        """Run there.sh, which travels on standard input, with lines before it that no process list shows."""
        return subprocess.run(
            [*self.ssh, self.runner.host, *self._words(action, job, *arguments)],
            input=before + SCRIPT.read_text(encoding="utf-8"),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _rsync(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["rsync", "-e", shlex.join(self.ssh), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _failed(self, action: str, done: subprocess.CompletedProcess[str]) -> SpriteLoraError:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        return SpriteLoraError(
            f"{self.name} ({self.runner.host}): {action}: {said}", f"try: ssh {self.runner.host} true"
        )


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
