"""The dataset folder as kohya reads it: one subfolder `<repeats>_<name>` of pictures and captions, and the manifest."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from sprite_lora.art.colour import parse_hex
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256_set, sha256_text
from sprite_lora.dataset.caption import read_caption_file
from sprite_lora.dataset.manifest import MANIFEST, Item, Manifest, unsafe
from sprite_lora.dataset.package_params import Package
from stages.package.enlargement import enlarged

SUFFIXES = (".png", ".txt")


def pairs(data: Path, captions: Path) -> list[str]:
    """Stems of the sprites, sorted, each with its caption. Raises SpriteLoraError where the folders do not match."""
    sprites, texts = _stems(data, ".png"), _stems(captions, ".txt")
    if sprites != texts or not sprites:
        alone = sorted(sprites ^ texts)
        found = f"{alone[0]!r} and {len(alone) - 1} more have no partner" if alone else "there are none"
        raise SpriteLoraError(f"{data}, {captions}: sprites and captions: {found}", "run: python -m stages.validate")
    for stem in sorted(sprites):
        if reason := unsafe(stem):
            raise SpriteLoraError(f"{data}: the name {stem!r} {reason}", "run: python -m stages.validate")
    return sorted(sprites)


def _stems(folder: Path, suffix: str) -> set[str]:
    files = folder.iterdir() if folder.is_dir() else ()
    return {path.name.removesuffix(suffix) for path in files if path.name.endswith(suffix) and path.name[0] != "."}


def write_dataset(target: Path, stems: list[str], data: Path, captions: Path, package: Package) -> Manifest:
    """Build the dataset beside `target`, verify its counts, and put it in its place when it is whole.

    Raises SpriteLoraError for what `validate` refuses, and where `target` holds files that are no earlier dataset.
    """
    refuse_foreign(target)
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        manifest = _build(building, stems, data, captions, package)
        verify_counts(building, manifest)
        shutil.rmtree(target, ignore_errors=True)
        building.replace(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return manifest


def _build(building: Path, stems: list[str], data: Path, captions: Path, package: Package) -> Manifest:
    folder = building / f"{package.num_repeats}_{package.name}"
    folder.mkdir(parents=True)
    background = parse_hex(package.background)
    items = []
    for stem in tqdm(stems, unit="picture", disable=None, leave=False):
        picture = enlarged(data / f"{stem}.png", package.art_pixels, package.resolution, background)
        caption = _caption(captions / f"{stem}.txt")
        # Not synced one by one: the folder takes its place only when it is whole.
        (folder / f"{stem}.png").write_bytes(picture.png)
        (folder / f"{stem}.txt").write_text(caption, encoding="utf-8", newline="")
        items.append(
            Item(
                stem=stem,
                caption=caption,
                sprite_sha256=picture.sha256,
                caption_sha256=sha256_text(caption),
                snapped_pixels=picture.snapped_pixels,
            )
        )
    manifest = Manifest(
        folder=folder.name,
        name=package.name,
        num_repeats=package.num_repeats,
        resolution=package.resolution,
        art_pixels=package.art_pixels,
        background=package.background,
        sprites_sha256=sha256_set({item.stem: item.sprite_sha256 for item in items}),
        captions_sha256=sha256_set({item.stem: item.caption_sha256 for item in items}),
        items=tuple(items),
    )
    manifest.save(building / MANIFEST)
    return manifest


def _caption(path: Path) -> str:
    caption = read_caption_file(path)
    if not caption:
        raise SpriteLoraError(f"{path}: the first line is empty", "run: python -m stages.validate")
    return caption


def refuse_foreign(target: Path) -> None:
    """Raise SpriteLoraError unless `target` is absent, empty or an earlier dataset."""
    if target.exists() and not (target / MANIFEST).is_file() and any(target.iterdir()):
        raise SpriteLoraError(f"{target} holds files that `package` did not write", "move them away")


def verify_counts(dataset: Path, manifest: Manifest) -> None:
    """Exactly one subfolder, holding exactly the manifest's pictures and captions. Raises SpriteLoraError otherwise."""
    top = sorted(path.name for path in dataset.iterdir())
    if top != sorted([manifest.folder, MANIFEST]):
        raise SpriteLoraError(f"{dataset}: holds {', '.join(top)}, expected {manifest.folder} and {MANIFEST} alone")
    there = {path.name for path in (dataset / manifest.folder).iterdir()}
    wanted = {f"{item.stem}{suffix}" for item in manifest.items for suffix in SUFFIXES}
    if there != wanted:
        raise SpriteLoraError(f"{dataset / manifest.folder}: {len(there ^ wanted)} files too many or too few")


def dataset_bytes(dataset: Path, manifest: Manifest) -> int:
    """Bytes of the pictures and captions."""
    return sum(path.stat().st_size for path in _files(dataset, manifest))


def _files(dataset: Path, manifest: Manifest) -> Iterable[Path]:
    return (dataset / manifest.folder / f"{item.stem}{suffix}" for item in manifest.items for suffix in SUFFIXES)
