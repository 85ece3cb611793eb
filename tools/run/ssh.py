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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from tools.run.runners import SshRunner
from tools.run.show import INTERRUPTED, say, show, wants_to_stop
from tools.run.task import Task
from tools.run.transfer import PATIENCE, SSH, Transfer, require_rsync

SCRIPT = Path(__file__).with_name("there.sh")

NO_CONNECTION = 255
"""ssh's exit code."""

BUSY = 75
"""there.sh's exit code where another job runs."""

PROBE = 8_000_000
"""Bytes that are sent to measure the link."""

LITTLE = 64
"""Megabytes: a disk with less free is full; the trainer leaves so many."""


class Machine:
    """The machine of an ssh runner."""

    def __init__(self, name: str, runner: SshRunner, ssh: tuple[str, ...] = SSH) -> None:
        self.name = name
        self.runner = runner
        self._ssh = ssh
        self._files = Transfer(name, runner, ssh)
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
            with self._held(job):
                self._files.send(task)
            self._start(task, job)
        try:
            return self._follow(task, job)
        except KeyboardInterrupt:
            if not wants_to_stop():
                say(f"{task.stage} goes on at {self.name}; `sprite-lora run --on {self.name}` follows it again")
                return INTERRUPTED
            say(f"{task.stage} is told to save what it has and to end")
            self.stop()
            return self._follow(task, job)

    def check(self, task: Task) -> int:
        """Bring a task there, say how fast the link is, and run its command in sight. Returns its exit code."""
        require_rsync()
        self._reach("prepare")
        begun = time.monotonic()
        with self._held("none"):
            self._files.send(task)
        say(f"code and inputs of {task.stage} are on {self.name}, after {time.monotonic() - begun:.0f} s")
        say(f"the link to it: {self._megabytes_per_second():.1f} MB a second")
        words = self._words("call", "none", self.runner.setup, task.command)
        done = subprocess.Popen([*self._ssh, self.runner.host, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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
        command = [*self._ssh, self.runner.host, "cat >/dev/null"]
        subprocess.run(command, input=os.urandom(PROBE), capture_output=True, check=False)
        return PROBE / 1e6 / (time.monotonic() - begun)

    def jobs(self) -> list[list[str]]:
        """Name, state and last line of each job there, as far as it is kept."""
        return [line.split("\t") for line in self._reach("jobs").splitlines()]

    def stop(self) -> str:
        """Have the job that runs there save what it has and end. Returns its name."""
        return self._reach("stop").strip()

    @contextmanager
    def _held(self, job: str) -> Iterator[None]:
        """Keep others out of the folder there while files come. Raises SpriteLoraError where other work runs."""
        command = [*self._ssh, self.runner.host, *self._words("hold", job)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stderr is not None
            try:
                holder.stdin.write(SCRIPT.read_bytes())
                holder.stdin.flush()
            except BrokenPipeError:
                pass  # what it says follows
            said = holder.stdout.readline().decode(errors="replace").strip()
            if said != "held":
                holder.stdin.close()
                if holder.wait() == BUSY:
                    raise self._busy(said)
                raise self._error("hold", holder.stderr.read().decode(errors="replace") or said)
            try:
                yield
            finally:
                holder.stdin.close()

    def _busy(self, holder: str) -> SpriteLoraError:
        return SpriteLoraError(
            f"{self.name} is busy with another job: {holder}",
            f"wait for it, or end it: sprite-lora run --on {self.name} --stop",
        )

    def _start(self, task: Task, job: str) -> None:
        runner = self.runner
        seconds, idle = str(runner.seconds or 0), str(round(runner.idle_minutes * 60))
        started = self._there(
            "start", job, seconds, runner.setup, task.command, idle, runner.at_idle or "", before=self._exports()
        )
        if started.returncode == BUSY:
            raise self._busy(started.stdout.strip())
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
                continue
            self._files.fetch_state()
            code = exit_code(self.name, state)
            if code == 0:
                self._files.fetch_all(task)
                self._reach("take", job)
                return 0
            self._require_room(task)
            if code is None:
                raise SpriteLoraError(
                    f"{self.name}: {task.stage} is gone there, without an exit code", "run again: it goes on"
                )
            return code

    def _require_room(self, task: Task) -> None:
        """Raise SpriteLoraError where the disk there is full, which is why a stage failed."""
        fields = self._there("space", "none").stdout.split(maxsplit=5)
        if len(fields) == 6 and fields[3].isdigit() and int(fields[3]) < LITTLE << 10:
            raise SpriteLoraError(
                f"{self.name}: {task.stage} failed there, and the disk of {self.runner.folder} is full:"
                f" {int(fields[3]) >> 10} MB are free on {fields[5].strip()}",
                "free space there and run again: it goes on from its state",
            )

    def _show(self, task: Task, job: str) -> None:
        """Print the job's log, from where it was last seen, until it ends or the connection breaks."""
        decoder = getincrementaldecoder("utf-8")("replace")
        follower = subprocess.Popen(
            [*self._ssh, self.runner.host, *self._words("follow", job, str(self._seen))],
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
                    self._files.fetch_state()
                    self._files.fetch(task)
                    fetched = time.monotonic()

    def _reach(self, action: str, job: str = "none") -> str:
        """What an action prints there; while a job runs, tried again and again until the machine can be reached."""
        for attempt in range(1 << 30):
            done = self._there(action, job)
            if done.returncode == 0:
                return done.stdout
            if done.returncode != NO_CONNECTION or action not in ("state", "take"):
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
            [*self._ssh, self.runner.host, *self._words(action, job, *arguments)],
            input=before + SCRIPT.read_text(encoding="utf-8"),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _failed(self, action: str, done: subprocess.CompletedProcess[str]) -> SpriteLoraError:
        return self._error(action, done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}")

    def _error(self, action: str, said: str) -> SpriteLoraError:
        last = (said.strip().splitlines() or ["no answer"])[-1]
        is_full = "No space left" in last
        hint = f"free space on {self.name} and run again" if is_full else f"try: ssh {self.runner.host} true"
        return SpriteLoraError(f"{self.name} ({self.runner.host}): {action}: {last}", hint)


def exit_code(name: str, state: str) -> int | None:
    """Of a job that has ended; None where it is gone. Raises SpriteLoraError for any other answer."""
    if state == "gone":
        return None
    found = re.fullmatch(r"(?:ended|taken) (\d{1,3})", state)
    if not found:
        raise SpriteLoraError(f"{name}: its answer is no state of a job: {state[:80]}", "does a .bashrc there print?")
    return int(found[1])
