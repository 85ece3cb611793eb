"""Say which results, or copies in DVC's cache, are damaged, and how to get them back.

DVC believes a file's date and size: a bit that flips on a disk leaves everything `up to date`. This reads every output
that dvc.lock lists and every copy in the cache, and compares them with their hashes. Writes nothing; exit code 1 where
something is damaged or gone.
"""

import sys

import click

from sprite_lora.core.plain_text import plain
from tools.verify.damage import damages
from tools.verify.lock import read_cache, read_outs


@click.command(help=__doc__)
def command() -> None:
    outs, cache = read_outs(), read_cache()
    found = list(damages(outs, cache))
    if not found:
        print(f"{len(outs)} outputs and {sum(1 for _ in cache.objects())} copies in the cache are as dvc.lock says")
        return
    for damage in found:
        print(plain(damage.words))
    print("\nto get it back, in this order; then verify once more:")
    lines = [line for damage in found for line in damage.remedy]
    for line in reversed(dict.fromkeys(reversed(lines))):  # each once, behind all that it needs
        print(f"  {plain(line)}")
    sys.exit(1)
