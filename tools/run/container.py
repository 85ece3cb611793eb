"""Stages in a container of this machine: packages from the image, the project's folder mounted at its own path."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256_text
from tools.run.runners import ContainerRunner
from tools.run.show import say
from tools.run.task import Task

ENGINE_FAILED = {"docker": 125, "podman": 125, "apptainer": 255}
"""Exit code where the engine failed, not the command."""

OUT_OF_TIME = 124
"""timeout's exit code."""

PATIENCE = 120
"""Seconds that a stage has to save what it has, before it is killed."""

PASSED = ("DVC_STAGE", "DVC_ROOT")
"""What DVC tells a stage."""


def run_in_container(name: str, runner: ContainerRunner, task: Task) -> int:
    """Run a stage in a container. Returns its exit code."""
    if shutil.which(runner.engine) is None:
        raise SpriteLoraError(f"{name}: {runner.engine} is not installed here", "docs/cloud.md#a-container")
    if runner.engine == "apptainer":
        command, own = apptainer(runner, task)
    else:
        end_left_over(runner, task)
        command, own = container(runner, task), {}
    say(f"{task.stage} runs in a container of {runner.engine}; Ctrl-C has it save what it has and end")
    # A session of its own: the terminal's Ctrl-C comes once, by `forwarded`; the engines pass it on.
    child = subprocess.Popen(command, env={**os.environ, **own}, start_new_session=True)
    with forwarded(child.send_signal):
        code = child.wait()
    if code == ENGINE_FAILED[runner.engine]:
        raise SpriteLoraError(f"{name}: {runner.engine} failed, and says why above", "docs/cloud.md#a-container")
    if code == OUT_OF_TIME and runner.seconds:
        say(f"stopped: it ran for {runner.seconds} seconds, the limit; run again: it goes on")
    return code


def container(runner: ContainerRunner, task: Task) -> list[str]:
    """docker's or podman's command line; of variables that come in from here, it has the names alone."""
    mounts = [f"--mount=type=bind,source={folder},target={folder}" for folder in folders(runner, task)]
    user = [f"--user={os.getuid()}:{os.getgid()}"]  # what comes out belongs to the user
    if runner.engine == "podman" and os.getuid():
        user.append("--userns=keep-id")  # without it, the user's number is another one there
    options = ["--rm", f"--name={container_name(task)}", "--entrypoint=", f"--workdir={Path.cwd()}", *user, *mounts]
    options += [f"--env={name}={value}" for name, value in environment(runner).items()]
    options += [f"--env={name}" for name in passed(runner)]
    return [runner.engine, "run", *options, *runner.options, runner.image, *timed(runner, task)]


def apptainer(runner: ContainerRunner, task: Task) -> tuple[list[str], dict[str, str]]:
    """apptainer's command line, and its environment, from which it takes the container's variables, all but HOME."""
    options = ["--cleanenv", "--no-home", f"--pwd={Path.cwd()}", *(f"--bind={one}" for one in folders(runner, task))]
    inside = {**environment(runner), **passed(runner)}
    own = {f"APPTAINERENV_{name}": value for name, value in inside.items() if name != "HOME"}
    return ["apptainer", "exec", *options, *runner.options, runner.image, *timed(runner, task)], own


def timed(runner: ContainerRunner, task: Task) -> list[str]:
    """The stage's command below `timeout`, which hands signals to all its processes, with a limit (0: none) or not.

    The container ends with the shell, so that waits for the command, whatever signal comes.
    """
    limit = [f"--kill-after={PATIENCE}", str(runner.seconds or 0)]
    return ["timeout", *limit, "sh", "-c", f"trap : INT TERM\n{task.command}"]


def environment(runner: ContainerRunner) -> dict[str, str]:
    """The stage's variables beside those of the image, and those that come in from here."""
    # The image has neither home nor name for the user's number, and torch asks for both.
    own = {"HOME": "/tmp", "USER": "sprite-lora", "PYTHONPATH": str(Path.cwd())}  # noqa: S108
    if (cache := hub_cache()).is_dir():
        own["HF_HOME"] = str(cache)
    return {**own, **runner.env}


def passed(runner: ContainerRunner) -> dict[str, str]:
    """What comes in from here."""
    return {name: os.environ[name] for name in (*PASSED, *runner.pass_env) if name in os.environ}


def hub_cache() -> Path:
    """Where huggingface_hub keeps what it has downloaded."""
    return Path(os.environ.get("HF_HOME") or Path.home() / ".cache/huggingface")


def folders(runner: ContainerRunner, task: Task) -> list[Path]:
    """What is mounted, each at its own path: links and settings mean the same inside."""
    here = Path.cwd()
    linked = [path.resolve() for path in task.deps if not path.resolve().is_relative_to(here)]
    cache = [hub_cache()] if hub_cache().is_dir() else []
    return list(dict.fromkeys([here, *cache, *linked, *(Path(one).expanduser() for one in runner.mounts)]))


def container_name(task: Task) -> str:
    """One for each stage in each folder."""
    return f"sprite-lora-{task.stage}-{sha256_text(str(Path.cwd()))[:12]}"


def end_left_over(runner: ContainerRunner, task: Task) -> None:
    """Have the container of a process that was killed save what it has and end; the new one goes on from there."""
    name = container_name(task)
    listed = [runner.engine, "ps", "--all", "--quiet", f"--filter=name=^{name}$"]
    if not subprocess.run(listed, capture_output=True, check=False).stdout.strip():
        return
    say(f"{name} was left over; it is told to save what it has and to end")
    for words in (("stop", "-t", str(PATIENCE)), ("rm", "--force")):
        subprocess.run([runner.engine, *words, name], capture_output=True, check=False)
    for _ in range(PATIENCE):  # docker removes it in its own time, and the name is taken until then
        if not subprocess.run(listed, capture_output=True, check=False).stdout.strip():
            return
        time.sleep(1)
    raise SpriteLoraError(f"{name} does not end", f"{runner.engine} ps; {runner.engine} rm --force {name}")


@contextmanager
def forwarded(send: Callable[[int], None]) -> Iterator[None]:
    """Meanwhile Ctrl-C and SIGTERM go to the stage, which saves what it has and ends."""

    def handle(number: int, _: FrameType | None) -> None:
        send(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
