"""Bring a params.yaml of an earlier form to today's.

FILE is params.yaml if not given. Comments and order stay.
"""

from pathlib import Path

import click
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_text
from sprite_lora.core.params import FILE, FORMER_PATHS


@click.command(help=__doc__)
@click.argument("file", metavar="[FILE]", default=FILE, type=click.Path(path_type=Path))
def command(file: Path) -> None:
    try:
        before = file.read_text(encoding="utf-8")
        after, gone = converted(before)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SpriteLoraError(f"{file} cannot be read as YAML: {error}") from None
    if not gone:
        print(f"{file} has today's form already")
        return
    write_text(file, after)
    print(f"{file}: taken out, since results have fixed places now: {', '.join(gone)}")


def converted(text: str) -> tuple[str, list[str]]:
    """The text in today's form, and the keys that were taken out."""
    content = YAML().load(text)
    paths = content.get("paths") if isinstance(content, dict) else None
    if not isinstance(paths, CommentedMap):
        return text, []
    gone = [key for key in FORMER_PATHS if key in paths]
    lines = text.splitlines(keepends=True)
    # Whole lines go, so that everything else, comments too, stays byte for byte.
    places = {paths.lc.key(key)[0] for key in gone}
    after = "".join(line for number, line in enumerate(lines) if number not in places)
    return after, [f"paths.{key}" for key in gone]
