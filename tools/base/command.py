"""Name base models by source and SHA-256, in place of gigabytes in the project."""

from pathlib import Path

import click
from pydantic import ValidationError

from sprite_lora.bases.fetch import fetch, keep, located
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.core.params import Paths, load
from sprite_lora.core.weight_list import WeightList, read_list
from tools.base.add import FOLDER, KNOWN, add_from, require_name
from tools.base.sources import from_address, from_files, from_repository

GB = 1e9


@click.group(help=__doc__)
def command() -> None:
    pass


@command.command
@click.argument("name")
@click.option("--repo", help="A repository of a model hub: OWNER/NAME.")
@click.option("--revision", help="Its branch, tag or commit; the commit is what is written down.")
@click.option("--url", help="The address of one .safetensors file, https.")
@click.option("--sha256", "stated", help="Of the file at --url, where its page states it: saves fetching it here.")
@click.option("--from", "place", type=click.Path(exists=True, path_type=Path), help="A folder or file of this machine.")
def add(
    name: str, repo: str | None, revision: str | None, url: str | None, stated: str | None, place: Path | None
) -> None:
    """Write models/NAME: small files, headers, and weights.json with source, sizes and SHA-256 of the weights.

    NAME alone: sd15 or sdxl, at the revisions that the presets are made for.
    """
    require_name(name)
    if sum(one is not None for one in (repo, url, place)) > 1:
        raise SpriteLoraError("one of --repo, --url and --from")
    if repo is None and url is None and place is None:
        if name not in KNOWN:
            raise SpriteLoraError(f"{name}: from where?", f"--repo, --url or --from; known are {', '.join(KNOWN)}")
        repo, revision = KNOWN[name][0], revision or KNOWN[name][1]
    try:
        if url is not None:
            found = from_address(url, stated.lower() if stated else None, name)
        elif place is not None:
            found = from_files(place, name)
        else:
            assert repo is not None
            found = from_repository(repo, revision)
        folder = add_from(name, found)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(map(str, detail["loc"]))
        raise SpriteLoraError(f"{name}: {where}: {detail['msg']}", "nothing was written") from None
    listed = read_list(folder)
    assert listed is not None
    print(f"{folder}: {described(listed)}")
    print(f"-> params.yaml: paths.base: {folder}; git add {folder}; `train` fetches the weights, as does:")
    print(f"-> sprite-lora base fetch {name}")


@command.command(name="fetch")
@click.argument("name", required=False)
@click.option(
    "--from", "place", type=click.Path(exists=True, path_type=Path), help="Where weights lie, in place of the source."
)
def fetch_command(name: str | None, place: Path | None) -> None:
    """Bring the weights of models/NAME into this machine's cache, and verify them. Without NAME: of paths.base."""
    base = FOLDER / name if name else load(Paths).base
    listed = read_list(base)
    if listed is None:
        if not base.exists():
            raise SpriteLoraError(f"{base} does not exist", "sprite-lora base add")
        print(f"{base} holds its weights itself")
        return
    if place is not None:
        bring(listed, place)
    for file in listed.files:
        there = located(listed, file)
        if there is None or not is_listed_file(listed, file, there):
            there = fetch(base, listed, file, again=there is not None)
            if not is_listed_file(listed, file, there):
                raise SpriteLoraError(f"{base}: the source gave another {file} than the list names by its SHA-256")
    print(f"{base}: {described(listed)}: verified")


def bring(listed: WeightList, place: Path) -> None:
    """Put the files at a place that a list names, by size and SHA-256, into the cache."""
    sizes = {file.size for file in listed.files.values()}
    wanted = {file.sha256 for file in listed.files.values()}
    for path in [place] if place.is_file() else sorted(place.rglob("*.safetensors")):
        if path.is_file() and path.stat().st_size in sizes and (found := sha256(path)) in wanted:
            keep(path, found)


def is_listed_file(listed: WeightList, name: str, path: Path) -> bool:
    """Whether a file has the size and the bytes that the list names."""
    return path.stat().st_size == listed.files[name].size and sha256(path) == listed.files[name].sha256


def described(listed: WeightList) -> str:
    """How many files and bytes, in words."""
    size = sum(file.size for file in listed.files.values())
    return f"{len(listed.files)} weight file{'s' * (len(listed.files) > 1)}, {size / GB:.2f} GB"
