"""Say what changed between two runs, in effect.

A and B are params files, history files (presets/history), LoRA checkpoints, Git revisions or DVC experiments, in any
mix; without B, A is compared with the working tree. Trainers' defaults are filled in, so `not given` is a value. Writes
nothing.
"""

from pathlib import Path

import click

from sprite_lora.core.terminal import console, print_json
from sprite_lora.dataset.tokens import clip_tokenizer
from sprite_lora.results.changes import compare
from tools.drift.sources import read_facts, with_base_hash
from tools.drift.tables import markdown, show


@click.command(help=__doc__)
@click.argument("a", metavar="A", type=click.Path())
@click.argument("b", metavar="[B]", required=False, type=click.Path())
@click.option("--json", "form", flag_value="json", help="A JSON object.")
@click.option("--md", "form", flag_value="md", help="Markdown, for a pull request.")
@click.option(
    "--captions", metavar="FOLDER", type=click.Path(path_type=Path), help="Caption versions of history files, by name."
)
def command(a: str, b: str | None, form: str | None, captions: Path | None) -> None:
    first, second = read_facts(a, captions), read_facts(b, captions)
    changes = compare(with_base_hash(first, second), with_base_hash(second, first), clip_tokenizer())
    if form == "json":
        print_json(changes.plain())
    elif form == "md":
        print(markdown(changes), end="")
    else:
        show(changes, console())
