"""sprite_lora/kohya/sd_scripts.json held to the parsers of sd-scripts itself, flag by flag.

    python -m benchmarks.kohya_flags --checkout FOLDER [--checkout FOLDER]

FOLDER is a checkout of a pinned tag, as `sprite-lora kohya install` makes it. Each training script's parser is built
in its own environment. Prints every flag that the table lacks, has too much, or has with another kind, default or
choice, and exits 1 where there is one. A minute a checkout.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sprite_lora.core import git
from sprite_lora.kohya.sd_scripts import ARGUMENTS, COMMITS, SCRIPT, SDXL_SCRIPT, Argument

DUMP = """
import importlib, json, sys
found = {}
for script in sys.argv[2:]:
    for action in importlib.import_module(script.removesuffix(".py")).setup_parser()._actions:
        found.setdefault(action.option_strings[0].lstrip("-"), []).append({
            "script": script, "switch": type(action).__name__ == "_StoreTrueAction", "many": action.nargs == "*",
            "type": getattr(action.type, "__name__", None), "default": action.default,
            "choices": [choice for choice in action.choices or () if choice is not None],
        })
with open(sys.argv[1], "w") as file:
    json.dump({name: rows for name, rows in found.items() if name != "h"}, file)
"""

KINDS = {"int": "int", "float": "float", "int_or_float": "number", "str": "text", "Path": "text"}


def parsers(checkout: Path) -> dict[str, list[dict[str, Any]]]:
    """Flag to what each script that has it says of it."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "flags.json"
        command = [str(checkout.absolute() / ".venv/bin/python"), "-B", "-c", DUMP, str(out), SCRIPT, SDXL_SCRIPT]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True)
        found: dict[str, list[dict[str, Any]]] = json.loads(out.read_text())
    return found


def differences(argument: Argument, rows: list[dict[str, Any]], newest: bool) -> list[str]:
    """How the table's row differs. Releases before the newest may have fewer choices, and one value for several."""
    scripts = {row["script"] for row in rows}
    wrong = [] if scripts == ({argument.script} if argument.script else {SCRIPT, SDXL_SCRIPT}) else [f"in {scripts}"]
    for row in rows:
        kind = "switch" if row["switch"] else KINDS[row["type"]]
        default = None if row["switch"] else row["default"]
        has = {"kind": kind, "default": default, "many": row["many"], "choices": set(row["choices"])}
        table = {
            "kind": argument.kind,
            "default": argument.default,
            "many": argument.many,
            "choices": {*argument.choices},
        }
        if not newest and has["choices"] <= table["choices"] and argument.many >= row["many"]:
            has |= {"choices": table["choices"], "many": argument.many}
        wrong += [f"{key} {has[key]!r}, in the table {table[key]!r}" for key in has if has[key] != table[key]]
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, action="append", required=True)
    failed = False
    for checkout in parser.parse_args().checkout:
        tag = next(tag for tag, commit in COMMITS.items() if commit == git.resolve(checkout, "HEAD"))
        newest = tag == next(iter(COMMITS))
        found = parsers(checkout)
        expected = {name for name, argument in ARGUMENTS.items() if newest or not argument.since}
        wrong = [f"{name}: only in the table" for name in sorted(expected - found.keys())]
        wrong += [f"{name}: not in the table" for name in sorted(found.keys() - expected)]
        for name in sorted(expected & found.keys()):
            wrong += [f"{name}: {one}" for one in differences(ARGUMENTS[name], found[name], newest)]
        print("\n".join([f"{tag}: {len(found)} flags, {len(wrong)} differences", *wrong]), flush=True)
        failed |= bool(wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
