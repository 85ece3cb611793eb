"""What changed between two runs, in effect: `python -m tools.drift A [B] [--json | --md] [--captions FOLDER]`.

A and B: params files, history files (presets/history), LoRA checkpoints, Git revisions or DVC experiments, in any mix;
without B, A is held against the working tree. Trainers' defaults are filled in, so `not given` is a value. Writes
nothing. `--captions` names a folder that holds the caption versions of history files by name.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from sprite_lora.core.errors import run
from sprite_lora.dataset.tokens import clip_tokenizer
from sprite_lora.results.changes import compare
from tools.drift.sources import read_facts, with_base_hash
from tools.drift.tables import markdown, show


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.drift", description="What changed, in effect?")
    parser.add_argument("a", metavar="A", help="params file, history file, checkpoint, Git revision or DVC experiment")
    parser.add_argument("b", metavar="B", nargs="?", help="the same; without it: the working tree")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON object")
    form.add_argument("--md", action="store_true", help="Markdown, for a pull request")
    parser.add_argument("--captions", type=Path, metavar="FOLDER", help="caption versions of history files, by name")
    options = parser.parse_args()
    a, b = read_facts(options.a, options.captions), read_facts(options.b, options.captions)
    changes = compare(with_base_hash(a, b), with_base_hash(b, a), clip_tokenizer())
    if options.json:
        print(json.dumps(changes.plain(), indent=2, ensure_ascii=False))
    elif options.md:
        print(markdown(changes), end="")
    else:
        show(changes, Console(width=None if sys.stdout.isatty() else 160))


if __name__ == "__main__":
    run(main)
