"""Say whether a machine can do what params.yaml asks for, before it costs money."""

import sys

import click
from rich.table import Table

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.terminal import console
from tools.doctor.checks import checks


@click.command()
@click.option("--on", "name", help="A runner of runners.yaml: its machine is set up and checked, and the link to it.")
@click.option("--price", type=click.FloatRange(min=0), help="Of an hour there, for an estimate of the cost.")
def command(name: str | None, price: float | None) -> None:
    """Say whether a machine can do what params.yaml asks for, before it costs money.

    It checks GPU, driver, packages, base model, memory, disks, and how long a training will take. Exit code 1 where
    there is a problem.
    """
    if name is not None:
        sys.exit(on_machine(name, price))
    table = Table("", "state", "what", box=None, pad_edge=False)
    found = list(checks(price))
    for check in found:
        table.add_row(check.name, check.state, check.said + (f"\n-> {check.hint}" if check.hint else ""))
    console().print(table)
    sys.exit(any(check.state == "problem" for check in found))


def on_machine(name: str, price: float | None) -> int:
    """The same on a runner's machine. Returns its exit code."""
    from tools.run.runners import SkyRunner, SshRunner, load_runner
    from tools.run.sky import machine
    from tools.run.task import task_of

    runner = load_runner(name)
    if not isinstance(runner, SshRunner | SkyRunner):
        raise SpriteLoraError(f"{name} is no machine that ssh reaches", "srun sprite-lora doctor, on a node with a GPU")
    price = price or runner.price_per_hour
    command = "python -m tools.doctor.command" + (f" --price {price}" if price else "")
    return machine(name, runner).check(task_of("train", command))


if __name__ == "__main__":
    command()
