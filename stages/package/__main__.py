"""Enlarge the sprites exactly and lay them out as kohya reads them.

Reads   paths.data, paths.captions, reports/validate.json (no errors in it)
Writes  outputs/dataset/<num_repeats>_<name>/*.png, *.txt, outputs/dataset/manifest.json
Run     python -m stages.package
        python -m stages.package --zip punk.zip     (of the dataset that is there, for upload)
"""

import argparse
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.dataset.package_params import Package
from sprite_lora.results.validation import Validation
from stages.package.archive import write_zip
from stages.package.folder import dataset_bytes, pairs, write_dataset


def main() -> None:
    """Write the dataset, or the zip."""
    parser = argparse.ArgumentParser(prog="python -m stages.package", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--zip", type=Path, metavar="FILE", help="only pack the dataset that is there into FILE")
    arguments = parser.parse_args()
    paths = load(Paths)
    if arguments.zip:
        manifest = read_manifest(paths.dataset)
        write_zip(arguments.zip, paths.dataset, manifest)
        print(f"{arguments.zip}: {len(manifest.items)} pictures with captions")
        return
    refuse_errors(Validation.read())
    package = load(Package)
    if package.resolution % package.art_pixels:
        raise SpriteLoraError(f"package.resolution {package.resolution} is no whole multiple of {package.art_pixels}")
    manifest = write_dataset(paths.dataset, pairs(paths.data, paths.captions), paths.data, paths.captions, package)
    size = dataset_bytes(paths.dataset, manifest)
    print(f"{len(manifest.items)} pictures with captions in {paths.dataset / manifest.folder}, {size / 2**20:.1f} MiB")


def refuse_errors(checked: Validation) -> None:
    """Raise SpriteLoraError unless `validate` found no error."""
    errors = sum(finding.severity == "error" for finding in checked.findings)
    if errors:
        raise SpriteLoraError(f"{checked.place} lists {errors} errors", "run: python -m stages.validate")


if __name__ == "__main__":
    run_stage(main)
