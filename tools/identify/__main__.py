"""Say what a model file or a picture is, by what it holds: `python -m tools.identify FILE... [--json]`.

Reads LoRA files of any trainer, base models (a file or a diffusers folder) and PNG pictures. Writes nothing. Of model
files the header alone is read; `--tensors` reads the alphas, `--hash` the whole file. Nothing is ever unpickled.
Exit code 1 where a file could not be read or contradicts itself.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from sprite_lora.core.errors import run
from tools.identify.describe import describe
from tools.identify.tables import show


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.identify", description="What is this file?")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="LoRA, base model (file or folder), PNG")
    parser.add_argument("--json", action="store_true", help="a JSON list with one object per FILE")
    parser.add_argument("--tensors", action="store_true", help="read the alphas out of the tensors too")
    parser.add_argument("--hash", action="store_true", help="read whole files and recompute their hashes")
    parser.add_argument("--brief", action="store_true", help="leave the table of settings out")
    options = parser.parse_args()
    found = [describe(file, tensors=options.tensors, hashes=options.hash) for file in options.files]
    if options.json:
        print(json.dumps(finite(found), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        console = Console(width=None if sys.stdout.isatty() else 160)
        for one in found:
            show(one, console, settings=not options.brief)
    if any(one.get("problems") for one in found):
        sys.exit(1)


def finite(content: Any) -> Any:
    """The same with infinities and NaN, which JSON does not have and a broken alpha may hold, as text."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content


if __name__ == "__main__":
    run(main)
