"""Say what a model file or a picture is, by what it holds.

Reads LoRA files of any trainer, base models (a file or a diffusers folder) and PNG pictures. Writes nothing. Of model
files only the header is read; `--tensors` reads the alphas, `--hash` the whole file. Nothing is ever unpickled.
Exit code 1 where a file could not be read or contradicts itself.
"""

import sys
from pathlib import Path

import click

from sprite_lora.core.terminal import console, print_json
from tools.identify.describe import describe
from tools.identify.tables import show


@click.command(help=__doc__)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="A JSON list with one object per FILE.")
@click.option("--tensors", is_flag=True, help="Read the alphas from the tensors too.")
@click.option("--hash", "hashes", is_flag=True, help="Read whole files and recompute their hashes.")
@click.option("--brief", is_flag=True, help="Leave the table of settings out.")
def command(files: tuple[Path, ...], as_json: bool, tensors: bool, hashes: bool, brief: bool) -> None:
    found = [describe(file, tensors=tensors, hashes=hashes) for file in files]
    if as_json:
        print_json(found)
    else:
        for one in found:
            show(one, console(), settings=not brief)
    if any(one.get("problems") for one in found):
        sys.exit(1)
