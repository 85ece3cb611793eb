"""The selected epoch's pictures as true sprites, with crisp enlargements.

Reads   reports/select.json, outputs/samples/epoch-NN/*.png, the dataset's manifest (art pixels), the section `finish`
Writes  outputs/finished/<prompt>.png, <prompt>@8x.png, ..., colours.json (colours per sprite)

    python -m stages.finish
"""

import json
from pathlib import Path
from typing import TypedDict

from sprite_lora.art.colour import parse_hex, to_hex
from sprite_lora.art.finish_params import Finish
from sprite_lora.art.finishing import drawn_colours, indexed, sprite_of
from sprite_lora.art.sprite import composite, read_sprite
from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.files import write_json
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import Manifest, read_manifest
from sprite_lora.lora.checkpoints import epoch_folder
from sprite_lora.results.picture import PARAMETERS, read_record, read_texts, write_picture


class Colours(TypedDict):
    """What finishing did to a picture's colours."""

    drawn_colours: int
    """Different colours over all pixels."""
    palette: dict[str, int]
    """Of the sprite: `#rrggbb` to the number of its cells, most first."""


def main() -> None:
    paths, finish = load(Paths), load(Finish)
    manifest = read_manifest(paths.dataset)
    folder = epoch_folder(paths.samples, selected_epoch(paths.reports))
    pictures = sorted(folder.glob("*.png"))
    if not pictures:
        raise SpriteLoraError(f"{folder} holds no pictures", "run: dvc repro sample")
    report = {path.stem: write_sprite(path, paths.finished, manifest, finish) for path in pictures}
    write_json(paths.finished / "colours.json", report)
    for name, told in report.items():
        print(f"{name}: {told['drawn_colours']} colours drawn, {len(told['palette'])} in the sprite")


def selected_epoch(reports: Path) -> int:
    """The epoch that `select` chose."""
    path = reports / "select.json"
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["epoch"])
    except FileNotFoundError:
        raise SpriteLoraError(f"{path} is not here", "run the stage before: dvc repro select") from None


def write_sprite(path: Path, finished: Path, manifest: Manifest, finish: Finish) -> Colours:
    """Write one picture's sprite and enlargements, each with the picture's record; return its colours."""
    pixels = composite(read_sprite(path), parse_hex(manifest.background))
    sprite = sprite_of(pixels, manifest.art_pixels, finish.merge)
    record, web_ui = read_record(path) or {}, read_texts(path).get(PARAMETERS, "")
    for factor in dict.fromkeys([1, *finish.enlarge]):
        name = path.stem if factor == 1 else f"{path.stem}@{factor}x"
        stamp = record | {"finish": {"art_pixels": manifest.art_pixels, "enlarge": factor, "merge": finish.merge}}
        write_picture(finished / f"{name}.png", indexed(sprite, factor), stamp, web_ui)
    palette = {to_hex(colour): int(count) for colour, count in zip(sprite.colours, sprite.counts, strict=True)}
    return {"drawn_colours": drawn_colours(pixels), "palette": palette}


if __name__ == "__main__":
    run_stage(main)
