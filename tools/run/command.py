"""Run the pipeline with `train` and `sample` on another machine."""

import os
import shutil
import sys
from pathlib import Path

import click
from rich.table import Table

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.plain_text import plain
from sprite_lora.core.terminal import console
from tools.run.runners import ContainerRunner, SlurmRunner, load_runner
from tools.run.shell import OWN_SHELL, RUNNER


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--on", "name", required=True, help="The runner: its name in runners.yaml.")
@click.option("--status", is_flag=True, help="List the jobs there, and run nothing.")
@click.option("--stop", is_flag=True, help="Have the job that runs there save what it has and end.")
@click.argument("targets", nargs=-1)
def command(name: str, status: bool, stop: bool, targets: tuple[str, ...]) -> None:
    """Run the pipeline with `train` and `sample` on another machine; results and dvc.lock come out here as ever.

    TARGETS and further options go to `dvc repro`. The same without this command:
    SHELL=$(which sprite-lora-shell) SPRITE_LORA_RUNNER=NAME dvc repro
    """
    runner = load_runner(name)
    if status or stop:
        if isinstance(runner, SlurmRunner):
            raise SpriteLoraError(f"{name}: Slurm lists its jobs itself", "squeue --me; scancel JOB")
        if isinstance(runner, ContainerRunner):
            raise SpriteLoraError(f"{name}: the engine lists its containers itself", "docker ps; docker stop NAME")
        from tools.run.sky import machine

        there = machine(name, runner)
        if stop:
            print(plain(there.stop()))
        else:
            table = Table("job", "state", "last line", box=None, pad_edge=False)
            for job in there.jobs():
                table.add_row(*map(plain, job))
            console().print(table)
        return
    programs = Path(sys.executable).parent
    shell, dvc = (shutil.which(program, path=str(programs)) for program in ("sprite-lora-shell", "dvc"))
    if not shell or not dvc:
        raise SpriteLoraError("dvc is not installed beside sprite-lora", "pip install 'sprite-lora[pipeline]'")
    environment = {**os.environ, OWN_SHELL: os.environ.get("SHELL", "/bin/sh"), "SHELL": shell, RUNNER: name}
    os.execve(dvc, [dvc, "repro", *targets], environment)
