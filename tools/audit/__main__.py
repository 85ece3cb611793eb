"""Take stock of what trainings left behind: `python -m tools.audit PATH... [--listing FILE.csv] [--json]`.

Reads folders of checkpoints (headers alone), pictures (their texts) and captions, with Git's dates where they lie in a
repository, and bare listings (path, size, modified). Writes nothing. Links by record come first; name and date give
hypotheses, and are called so. Dates are UTC, those of a listing its own.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from sprite_lora.core.errors import SpriteLoraError, run
from tools.audit.inventory import take_inventory
from tools.audit.listing import read_listing
from tools.audit.tables import show
from tools.audit.walk import walk


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description="What is left, and does it add up?")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="folders or files")
    parser.add_argument("--listing", action="append", type=Path, default=[], metavar="FILE.csv")
    parser.add_argument("--json", action="store_true", help="a JSON object in place of tables")
    options = parser.parse_args()
    if not options.paths and not options.listing:
        raise SpriteLoraError("nothing to look at", "python -m tools.audit outputs captions")
    evidence = walk(options.paths)
    for listing in options.listing:
        evidence.add(read_listing(listing))
    found = take_inventory(evidence)
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(found, Console(width=None if sys.stdout.isatty() else 180))


if __name__ == "__main__":
    run(main)
