"""Enlarge the sprites exactly, lay them out as kohya reads them, and say what the run will cost.

Reads   paths.data, paths.captions, reports/validate.json (no errors in it), paths.regularisation (names), the
        headers of paths.base
Writes  paths.dataset/<num_repeats>_<name>/*.png, *.txt, paths.dataset/manifest.json, reports/package.json (the plan)
Run     python -m stages.package [--steps-per-second 2.5]
        python -m stages.package --zip punk.zip     (of the dataset that is there, for upload)
"""

import argparse
import json
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.files import write_json
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.dataset.package_params import Package, Steps
from sprite_lora.dataset.regularisation import read_regularisation
from sprite_lora.lora.size import lora_targets
from stages.package.archive import write_zip
from stages.package.folder import dataset_bytes, pairs, write_dataset
from stages.package.plan import plan, plan_lines


def main() -> None:
    """Write dataset and plan, or the zip."""
    parser = argparse.ArgumentParser(prog="python -m stages.package", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--zip", type=Path, metavar="FILE", help="only pack the dataset that is there into FILE")
    parser.add_argument("--steps-per-second", type=float, metavar="N", help="speed of the trainer, to state hours")
    arguments = parser.parse_args()
    paths = load(Paths)
    if arguments.zip:
        manifest = read_manifest(paths.dataset)
        write_zip(arguments.zip, paths.dataset, manifest)
        print(f"{arguments.zip}: {len(manifest.items)} pictures with captions")
        return
    refuse_errors(paths.reports / "validate.json")
    package, steps = load(Package), load(Steps)
    if package.resolution % package.art_pixels:
        raise SpriteLoraError(f"package.resolution {package.resolution} is no whole multiple of {package.art_pixels}")
    manifest = write_dataset(paths.dataset, pairs(paths.data, paths.captions), paths.data, paths.captions, package)
    size = dataset_bytes(paths.dataset, manifest)
    repeats = [picture.repeats for picture in read_regularisation(paths.regularisation)]
    foretold = plan(len(manifest.items), package.num_repeats, steps, lora_targets(paths.base), size, repeats)
    write_json(paths.reports / "package.json", foretold)
    print("\n".join(plan_lines(foretold, arguments.steps_per_second)))


def refuse_errors(report: Path) -> None:
    """Raise SpriteLoraError unless `validate` has run and found no error."""
    if not report.is_file():
        raise SpriteLoraError(f"{report} is not here", "run the stage before: dvc repro validate")
    errors = [case for case in json.loads(report.read_text())["findings"] if case["severity"] == "error"]
    if errors:
        raise SpriteLoraError(f"{report} lists {len(errors)} errors", "run: python -m stages.validate")


if __name__ == "__main__":
    run_stage(main)
