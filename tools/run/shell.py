"""The shell that DVC runs stages with under `sprite-lora run`: some on another machine, all others here.

DVC runs a stage as `$SHELL -c COMMAND`, and names it in DVC_STAGE (dvc/stage/run.py). On Windows it takes no SHELL.
"""

import os
import sys

from sprite_lora.core.errors import run
from stages.validate.machine import ELSEWHERE
from tools.run.container import run_in_container
from tools.run.runners import ContainerRunner, SlurmRunner, load_runner
from tools.run.show import INTERRUPTED
from tools.run.sky import machine
from tools.run.slurm import run_on_cluster
from tools.run.task import require_unchanged, task_of

RUNNER, OWN_SHELL = "SPRITE_LORA_RUNNER", "SPRITE_LORA_SHELL"
"""Environment: the runner's name, and what SHELL was before."""


def main() -> None:
    """`sprite-lora-shell -c COMMAND`."""
    try:
        run(lambda: sys.exit(execute(sys.argv[-1])))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def execute(command: str) -> int:
    """Run a stage's command on the runner's machine, and return its exit code; or here, in this process's place."""
    shell = os.environ.get(OWN_SHELL) or "/bin/sh"
    os.environ["SHELL"] = shell
    stage = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
    name = os.environ[RUNNER]
    runner = load_runner(name)
    if "train" in runner.stages:
        os.environ[ELSEWHERE] = "1"
    if stage not in runner.stages:
        os.execv(shell, [shell, "-c", command])
    task = task_of(stage, command)
    match runner:
        case SlurmRunner():
            code = run_on_cluster(name, runner, task)
        case ContainerRunner():
            code = run_in_container(name, runner, task)
        case _:
            code = machine(name, runner).run(task)
    if code == 0:
        require_unchanged(task)
    return code
