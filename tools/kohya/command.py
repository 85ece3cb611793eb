"""Set up sd-scripts for the backend kohya: its checkout and its own environment."""

import click

from tools.kohya.install import install


@click.group(help=__doc__)
def command() -> None:
    pass


command.add_command(install)
