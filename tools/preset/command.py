"""Put a preset for a base model into params.yaml, or a configuration of kohya_ss or sd-scripts.

Without a name, the presets are listed. NAME is one of them, or the path of a preset of your own. `import FILE` takes
over a kohya_ss GUI configuration (JSON), or an sd-scripts --config_file or --dataset_config (TOML), and names what has
no place in params.yaml. Sizes, trigger, names and prompts of your data stay as they are, as do all comments.
"""

from pathlib import Path
from typing import Any

import click

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import write_text
from sprite_lora.core.params import FILE, read, section_problems
from sprite_lora.core.yaml_text import parse
from stages.validate.settings import SECTIONS, Settings
from tools.preset.edit import Change, Overlay, edited
from tools.preset.foreign import load_configuration
from tools.preset.mapping import mapped
from tools.preset.overlay import PRESETS, fitted, load_preset, missing_base, missing_trainer, presets, title


@click.command(help=__doc__)
@click.argument("name", metavar="[NAME]", required=False)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only print what would change.")
def command(name: str | None, file: Path | None, dry_run: bool) -> None:
    if name is None:
        show_presets()
    elif name == "import":
        if file is None:
            raise click.UsageError("import needs a FILE")
        content = valid_params()
        overlay, left_out = mapped(load_configuration(file), content)
        if not overlay:
            raise SpriteLoraError(f"{file} holds no setting that has a place in {FILE}")
        put(str(file), overlay, content, dry_run)
        for line in left_out:
            print(f"no place here: {line}")
    elif file is not None:
        raise click.UsageError("a FILE goes with import alone")
    else:
        overlay = load_preset(preset_file(name))
        put(name, overlay, valid_params(), dry_run)


def show_presets() -> None:
    """The project's presets with a line each."""
    listed = presets()
    if not listed:
        raise SpriteLoraError(f"there is no {PRESETS}/*.yaml here", "run from the project's folder")
    width = max(map(len, listed))
    for name, path in listed.items():
        print(f"{name:{width}}  {title(path)}")


def preset_file(name: str) -> Path:
    """The file of a preset by its name, or the path itself."""
    found = presets().get(name, Path(name))
    if not found.is_file():
        raise SpriteLoraError(
            f"{name} is no preset and no file", f"the presets are {', '.join(presets()) or f'not here: no {PRESETS}/'}"
        )
    return found


def valid_params() -> dict[str, Any]:
    """The content of params.yaml. Raises SpriteLoraError, with each line, where something in it is wrong."""
    content, lines = read()
    found = Settings(content, lines).found
    if found:
        listed = "\n".join(f"{finding.file}: {finding.message}" for finding in found)
        raise SpriteLoraError(listed, f"correct {FILE} first; nothing was written")
    return content


def put(name: str, overlay: Overlay, content: dict[str, Any], dry_run: bool) -> None:
    """Write the overlay into params.yaml, print each change and what was fitted to the data.

    Raises SpriteLoraError, and writes nothing, where params.yaml would be wrong with it.
    """
    overlay, said = fitted(overlay, content)
    text = FILE.read_bytes().decode()
    after, changes = edited(text, overlay)
    refuse_wrong(name, parse(after))
    for line in (*map(described, changes), *said, missing_base(overlay), missing_trainer(overlay)):
        if line:
            print(line)
    if not changes:
        print(f"{FILE} has all of {name} already: nothing changes")
    elif dry_run:
        print(f"{counted(changes)} of {FILE} would change; nothing was written")
    else:
        write_text(FILE.resolve(), after)
        print(f"{counted(changes)} of {FILE} changed")


def described(change: Change) -> str:
    """`train.network_dim: 32 -> 16`."""
    return f"{change.key}: {change.old or '(not given)'} -> {change.new}"


def counted(changes: list[Change]) -> str:
    """`3 values`."""
    return f"{len(changes)} value{'s' * (len(changes) != 1)}"


def refuse_wrong(name: str, content: dict[str, Any]) -> None:
    """Raise SpriteLoraError where the sections are not allowed as they would be."""
    wrong = [
        message.rpartition("value error, ")[2]
        for section in SECTIONS
        for _, message in section_problems(section, content[section.key])
    ]
    if wrong:
        raise SpriteLoraError(f"{FILE} would be wrong with {name}: {'; '.join(wrong)}", "nothing was written")
