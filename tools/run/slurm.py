"""Stages on a Slurm cluster, from a login node: `train` as one job, `sample` as the jobs of Snakemake's profile.

The project's folder is on a file system that all nodes share, so no file travels. A job that is requeued, or whose node
fails, goes on from the training state. A job outlives this process; who asks again for the same work follows it.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from codecs import getincrementaldecoder
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from tools.run.runners import SlurmRunner
from tools.run.show import INTERRUPTED, say, show, wants_to_stop
from tools.run.task import Task

POLL = 2
"""Seconds between two looks at the queue."""


def run_on_cluster(name: str, runner: SlurmRunner, task: Task) -> int:
    """Run a stage on the cluster. Returns its exit code."""
    if shutil.which("sbatch") is None:
        raise SpriteLoraError(f"{name}: there is no sbatch here", "run on a login node of the cluster")
    if task.stage == "sample":
        environment = {**os.environ, "SNAKEMAKE_PROFILE": runner.profile}
        return subprocess.run(["sh", "-c", task.command], env=environment, check=False).returncode
    job = Job(runner, task)
    try:
        return job.run()
    except KeyboardInterrupt:
        if wants_to_stop():
            subprocess.run(["scancel", job.number], check=False)
            say(f"job {job.number} is cancelled; what it has saved stays")
        else:
            say(f"job {job.number} goes on; `sprite-lora run --on {name}` follows it again")
        return INTERRUPTED


class Job:
    """One batch job, in a folder of its own below state/run/: its number, its log, its exit code."""

    def __init__(self, runner: SlurmRunner, task: Task) -> None:
        self._runner = runner
        self._task = task
        self._folder = Path("state/run") / f"{task.stage}-{task.identity}"
        self._log, self._code = self._folder / "log", self._folder / "rc"
        number = self._folder / "job"
        self.number = number.read_text(encoding="utf-8").strip() if number.is_file() else ""

    def run(self) -> int:
        """Submit the job, or follow it where it is queued already. Returns its exit code."""
        if self.number and self._state():
            say(f"{self._task.stage} is job {self.number} already; following it")
        else:
            self._submit()
        return self._follow()

    def _submit(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in (self._log, self._code):
            path.unlink(missing_ok=True)
        programs = shlex.quote(str(Path(sys.executable).parent))
        noted = shlex.quote(str(self._code))
        script = f"PATH={programs}:$PATH\n{self._task.command}\ncode=$?\necho $code > {noted}\nexit $code"
        seconds = self._runner.seconds
        limit = [f"--time={max(1, seconds // 60)}"] if seconds else []
        options = ["--requeue", "--open-mode=append", f"--job-name=sprite-lora-{self._task.stage}", *limit]
        submitted = subprocess.run(
            ["sbatch", "--parsable", *options, f"--output={self._log}", *self._runner.sbatch, "--wrap", script],
            capture_output=True,
            text=True,
            check=False,
        )
        if submitted.returncode:
            said = submitted.stderr.strip().removeprefix("sbatch: ")
            raise SpriteLoraError(f"sbatch: {said}", "runners.yaml: `sbatch` lists its options; sinfo the partitions")
        self.number = submitted.stdout.strip().split(";")[0]
        (self._folder / "job").write_text(self.number, encoding="utf-8")
        say(f"{self._task.stage} is job {self.number}; Ctrl-C asks whether to cancel it or to leave it running")

    def _follow(self) -> int:
        decoder, seen, last = getincrementaldecoder("utf-8")("replace"), 0, ""
        while True:
            state = self._state()
            if state not in (last, ""):
                say(f"job {self.number}: {state.lower()}")
                last = state
            if self._log.is_file():
                with self._log.open("rb") as log:
                    log.seek(seen)
                    chunk = log.read()
                seen += len(chunk)
                show(decoder.decode(chunk))
            if not state:
                return self._exit_code()
            time.sleep(POLL)

    def _exit_code(self) -> int:
        if not self._code.is_file():
            raise SpriteLoraError(
                f"job {self.number} ended without an exit code: cancelled, out of time or of memory ({self._log})",
                f"scontrol show job {self.number} says which; run again: it goes on from what was saved",
            )
        return int(self._code.read_text(encoding="utf-8"))

    def _state(self) -> str:
        """What squeue calls the job's state; empty where it is in the queue no more."""
        asked = subprocess.run(
            ["squeue", "-h", "-o", "%T", "-j", self.number], capture_output=True, text=True, check=False
        )
        if asked.returncode and "Invalid job id" not in asked.stderr:
            return "UNKNOWN"  # the controller does not answer; the job goes on
        return asked.stdout.strip()
