"""The sample set: 203 sprites of 24x24 pixels in data/ and their captions in captions/, the same on every machine.

    python -m demo.portraits                                  writes data/*.png and captions/*.txt
    python -m demo.portraits --sheet docs/sample-set.png      writes a picture of the first two dozen

Reads params.yaml (paths) alone. The set is dedicated to the public domain: CC0 1.0,
https://creativecommons.org/publicdomain/zero/1.0/
"""

import argparse
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo.portraits.persona import Persona, caption, personas
from demo.portraits.pixel import SIZE, draw
from sprite_lora.core.errors import SpriteLoraError, run
from sprite_lora.core.files import write_bytes, write_text
from sprite_lora.core.params import Paths, load

COUNT = 203
SEED = 8


def sample_set(count: int = COUNT, seed: int = SEED) -> dict[str, Persona]:
    """Who is in the set, by file stem: `lad_001`, `lady_001`, `lad_002`, ..."""
    numbers = {"lad": 0, "lady": 0}
    named = {}
    for someone in personas(count, seed):
        numbers[someone.kind] += 1
        named[f"{someone.kind}_{numbers[someone.kind]:03d}"] = someone
    return named


def sheet(people: Iterable[Persona], columns: int = 8, factor: int = 5, gap: int = 5) -> NDArray[np.uint8]:
    """Sprites in rows on white, each pixel `factor` pixels wide, `gap` pixels apart: uint8 (height, width, 3)."""
    pictures = [np.kron(draw(someone), np.ones((factor, factor, 1), np.uint8)) for someone in people]
    pitch = SIZE * factor + gap
    rows = -(-len(pictures) // columns)
    paper = np.full((rows * pitch + gap, columns * pitch + gap, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        top, left = gap + index // columns * pitch, gap + index % columns * pitch
        paper[top : top + SIZE * factor, left : left + SIZE * factor] = picture
    return paper


def png(picture: NDArray[np.uint8], compress_level: int = 0) -> bytes:
    """An RGB PNG; at level 0 without compression, so that no version of zlib changes its bytes."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=compress_level)
    return stream.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.portraits", description="Writes the sample set.")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write only a picture of the first two dozen")
    chosen = parser.parse_args()
    people = sample_set()
    if chosen.sheet:
        write_bytes(chosen.sheet, png(sheet(list(people.values())[:24]), compress_level=9))
        print(f"{chosen.sheet}: the first 24 of {len(people)} sprites")
        return
    paths = load(Paths)
    for folder in (paths.data, paths.captions):
        _refuse_others(folder, set(people))
    for stem, someone in people.items():
        write_bytes(paths.data / f"{stem}.png", png(draw(someone)))
        write_text(paths.captions / f"{stem}.txt", caption(someone) + "\n")
    print(f"{len(people)} sprites in {paths.data}, their captions in {paths.captions}")


def _refuse_others(folder: Path, stems: set[str]) -> None:
    """Raise SpriteLoraError where a folder holds files that are not of the set: a person's own sprites stay alone."""
    others = sorted(path.name for path in folder.glob("*") if path.stem not in stems and not path.name.startswith("."))
    if others:
        raise SpriteLoraError(
            f"{folder} holds {len(others)} files that are not of the sample set, the first is {others[0]}",
            "move them away first, or set paths.data and paths.captions to other folders",
        )


if __name__ == "__main__":
    run(main)
