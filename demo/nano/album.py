"""The smooth portraits that the model learns from, drawn once and kept in the work folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from demo.portraits.persona import Persona, personas
from demo.portraits.sitting import SIZE
from demo.portraits.smooth import draw

CROWD = 2  # Seed of the crowd: other people than in the sample set.


def people(count: int) -> list[Persona]:
    """The first people of the crowd, all with different captions."""
    return personas(count, CROWD)


def pictures(work: Path, count: int, say: Callable[[str], None]) -> NDArray[np.uint8]:
    """Their portraits, uint8 (count, 192, 192, 3), read from `work/pictures.npy` or drawn into it."""
    path = work / "pictures.npy"
    if path.exists():
        return _mapped(path)
    drawing = path.with_suffix(".tmp")
    album = open_memmap(drawing, mode="w+", dtype=np.uint8, shape=(count, SIZE, SIZE, 3))
    for number, someone in enumerate(people(count)):
        album[number] = draw(someone, number)
        if (number + 1) % 500 == 0:
            say(f"pictures: {number + 1} of {count}")
    album.flush()
    drawing.replace(path)
    return _mapped(path)


def _mapped(path: Path) -> NDArray[np.uint8]:
    """Read from the file as needed, not held in memory."""
    return np.asarray(np.load(path, mmap_mode="r"))
