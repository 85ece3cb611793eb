"""The selected epoch's pictures as true sprites, with crisp enlargements.

Reads   reports/select.json, outputs/samples/epoch-NN/*.png, the dataset's manifest (art pixels), the section `finish`
Writes  outputs/finished/<prompt>.png, <prompt>@8x.png, ..., colours.json (colours per sprite)

    python -m stages.finish
"""

from pathlib import Path

from sprite_lora.art.colour import parse_hex, to_hex
from sprite_lora.art.finish_params import Finish
from sprite_lora.art.finishing import drawn_colours, indexed, realigned
from sprite_lora.art.image_file import read_image, read_texts
from sprite_lora.art.palette import palette_of
from sprite_lora.art.sprite import composite
from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import Manifest, read_manifest
from sprite_lora.lora.epochs import epoch_folder
from sprite_lora.results.finished import FinishedColours, SpriteColours
from sprite_lora.results.picture import PARAMETERS, read_record, require_own_pixels, write_picture
from sprite_lora.results.selection import Selection


def main() -> None:
    paths, finish = load(Paths), load(Finish)
    manifest = read_manifest(paths.dataset)
    folder = epoch_folder(paths.samples, Selection.read().epoch)
    pictures = sorted(folder.glob("*.png"))
    if not pictures:
        raise SpriteLoraError(f"{folder} holds no pictures", "run: dvc repro sample")
    colours = {path.stem: write_sprite(path, paths.finished, manifest, finish) for path in pictures}
    FinishedColours(colours).write()
    for name, found in colours.items():
        print(f"{name}: {found.drawn_colours} colours drawn, {len(found.palette)} in the sprite")


def write_sprite(path: Path, finished: Path, manifest: Manifest, finish: Finish) -> SpriteColours:
    """Write one picture's sprite and enlargements, each with the picture's record; return its colours."""
    require_own_pixels(path)
    pixels = composite(read_image(path), parse_hex(manifest.background))
    cut = realigned(pixels, manifest.art_pixels)
    if cut.words:
        print(f"{path.stem}: {cut.words}")
    sprite = palette_of(cut.cells, finish.merge)
    record, web_ui = read_record(path) or {}, read_texts(path).get(PARAMETERS, "")
    for factor in dict.fromkeys([1, *finish.enlarge]):
        name = path.stem if factor == 1 else f"{path.stem}@{factor}x"
        done = {"art_pixels": manifest.art_pixels, "enlarge": factor, "merge": finish.merge, **cut.record}
        write_picture(finished / f"{name}.png", indexed(sprite, factor), record | {"finish": done}, web_ui)
    palette = {to_hex(colour): int(count) for colour, count in zip(sprite.colours, sprite.counts, strict=True)}
    return SpriteColours(drawn_colours=drawn_colours(pixels), palette=palette)


if __name__ == "__main__":
    run_stage(main)
