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

import yaml

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_text
from sprite_lora.core.params import read
from tools.run.runners import SlurmRunner
from tools.run.show import INTERRUPTED, say, show, wants_to_stop
from tools.run.task import Task

POLL = 2
"""Seconds between two looks at the queue."""

PROFILES = ("profile.yaml", "config.yaml")
"""Names that Snakemake takes for a profile's file."""


def run_on_cluster(name: str, runner: SlurmRunner, task: Task) -> int:
    """Run a stage on the cluster. Returns its exit code."""
    if shutil.which("sbatch") is None:
        raise SpriteLoraError(f"{name}: there is no sbatch here", "run on a login node of the cluster")
    if task.stage == "sample":
        return draw(runner, task)
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


def draw(runner: SlurmRunner, task: Task) -> int:
    """Run Snakemake here; it submits the shards, and cancels them where it is interrupted. Returns its exit code."""
    profile = limited_profile(runner, Path("state/run") / f"sample-{task.identity}")
    environment = {**os.environ, "SNAKEMAKE_PROFILE": str(profile)}
    with subprocess.Popen(["sh", "-c", task.command], env=environment) as snakemake:
        while True:
            try:
                return snakemake.wait()
            except KeyboardInterrupt:
                say("Snakemake cancels its jobs; what they have drawn is kept")


def limited_profile(runner: SlurmRunner, folder: Path) -> Path:
    """The runner's profile; where it has limits, a copy in `folder` that gives each job so much time, and one try.

    Each job may take `max_hours`; all of them together may cost `max_cost`.
    """
    source = Path(runner.profile)
    if runner.max_hours is None and runner.max_cost is None:
        return source
    file = next((source / name for name in PROFILES if (source / name).is_file()), None)
    if file is None:
        raise SpriteLoraError(f"{source} is no profile of Snakemake's", f"it has one of: {', '.join(PROFILES)}")
    profile = dict(read(file)[0])
    named = dict(str(one).split("=", 1) for one in profile.get("config", []))
    shards = int(named["shards"]) if named.get("shards", "").isdigit() else 1
    by_cost = runner.model_copy(update={"max_cost": runner.max_cost and runner.max_cost / max(1, shards)})
    assert by_cost.seconds is not None
    minutes = whole_minutes(by_cost.seconds)
    resources = profile.get("default-resources", {})
    if not isinstance(resources, dict):
        resources = dict(str(one).split("=", 1) for one in resources)
    own = resources.get("runtime")
    resources["runtime"] = min(own, minutes) if isinstance(own, int) else minutes
    write_text(folder / PROFILES[0], yaml.safe_dump({**profile, "default-resources": resources, "retries": 0}))
    return folder


def whole_minutes(seconds: int) -> int:
    """As Slurm counts time; at least one."""
    return max(1, seconds // 60)


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
        """Submit the job, or follow it where it is queued already. Returns its exit code.

        DVC cleared the results of a job that was queued already, maybe while it wrote them: so they are written once
        more, from the training state.
        """
        if self.number and self._state():
            say(f"{self._task.stage} is job {self.number} already; following it")
            if code := self._follow():
                return code
            say("its results are written once more, since DVC has cleared some of them meanwhile")
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
        limit = [f"--time={whole_minutes(seconds)}"] if seconds else []
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
