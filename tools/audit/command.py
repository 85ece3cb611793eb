"""Take stock of what trainings left behind, and of what contradicts itself.

Reads folders of checkpoints (only their headers), pictures (their texts) and captions, with Git's dates where they lie
in a repository, and bare listings (path, size, modified). Writes nothing. Links by record come first; name and date
give hypotheses, and are called so. Dates are UTC, those of a listing its own.
"""

from pathlib import Path

import click

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.terminal import console, print_json
from tools.audit.inventory import take_inventory
from tools.audit.listing import read_listing
from tools.audit.tables import show
from tools.audit.walk import walk


@click.command(help=__doc__)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--listing", "listings", metavar="FILE.csv", multiple=True, type=click.Path(path_type=Path), help="A bare listing."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object in place of tables.")
def command(paths: tuple[Path, ...], listings: tuple[Path, ...], as_json: bool) -> None:
    if not paths and not listings:
        raise SpriteLoraError("nothing to look at", "sprite-lora audit outputs captions")
    evidence = walk(paths)
    for listing in listings:
        evidence.add(read_listing(listing))
    found = take_inventory(evidence)
    if as_json:
        print_json(found)
    else:
        show(found, console(180))
