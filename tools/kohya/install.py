"""Clone sd-scripts at a pinned tag and make its environment beside it."""

import shlex
import shutil
import subprocess
from pathlib import Path

import click

from sprite_lora.core import git
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.sd_scripts import COMMITS, DEFAULT_TAG, PLACE, place

SOURCE = "https://github.com/kohya-ss/sd-scripts"

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--source", default=SOURCE, show_default=True, metavar="URL_OR_PATH", help="Repository, or a mirror.")
@click.option("--tag", type=click.Choice([*COMMITS]), default=DEFAULT_TAG, show_default=True, help="Release.")
@click.option("--into", type=click.Path(path_type=Path), metavar="DIR", help=f"Folder; default: ${PLACE}, or in $HOME.")
@click.option("--python", default="3.11", show_default=True, help="Python of its environment, as uv names it.")
@click.argument("uv_options", nargs=-1, type=click.UNPROCESSED)
def install(source: str, tag: str, into: Path | None, python: str, uv_options: tuple[str, ...]) -> None:
    """Clone sd-scripts at a pinned tag and make its environment with uv.

    UV_OPTIONS go to `uv pip install`, such as `--index-url URL`, or `xformers==0.0.35` to add a package. What is there
    already stays, so run the same again after a failure.
    """
    folder = (into or place()).absolute()
    if shutil.which("uv") is None:
        raise SpriteLoraError("uv is not installed, and makes the environment", "https://docs.astral.sh/uv/")
    check_out(source, tag, folder)
    interpreter = folder / ".venv" / "bin" / "python"
    if not interpreter.exists():
        run("uv", "venv", "--quiet", "--no-project", "--python", python, str(folder / ".venv"))
    run("uv", "pip", "install", "--python", str(interpreter), "-r", str(REQUIREMENTS), *uv_options)
    print(f"sd-scripts {tag} is ready in {folder}")
    if folder != place():
        print(f"put it into the environment: export {PLACE}={shlex.quote(str(folder))}")


def check_out(source: str, tag: str, folder: Path) -> None:
    """Have the tag's commit in a folder. Raises SpriteLoraError where there is another, or the tag was moved."""
    if folder.exists() and not folder.is_dir():
        raise SpriteLoraError(f"{folder} is no folder", "another one: --into DIR")
    if not folder.exists() or not any(folder.iterdir()):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if said := git.clone(source, tag, folder):
            shutil.rmtree(folder, ignore_errors=True)
            raise SpriteLoraError(f"{source} cannot be cloned: {said}", "another place: --source URL_OR_PATH")
    commit = git.resolve(folder, "HEAD") if git.root(folder) == folder.resolve() else None
    if commit != COMMITS[tag]:
        raise SpriteLoraError(
            f"{folder} holds {'commit ' + commit[:8] if commit else 'no checkout'}, and {tag} is {COMMITS[tag][:8]}",
            "another folder: --into DIR; or remove this one",
        )


def run(*command: str) -> None:
    """Run uv. Raises SpriteLoraError where it fails; it says why itself."""
    if subprocess.run(command, check=False).returncode:  # noqa: S603  uv
        raise SpriteLoraError(f"failed: {shlex.join(command)}", "correct what uv says, then run the same again")
