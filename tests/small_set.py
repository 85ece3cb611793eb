"""A few sprites with captions, in a folder of their own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

END = "sharp pixel edges, hard color borders, retro pixel art style"
COLOURS = {"green": (48, 148, 72), "blue": (56, 104, 216), "red": (200, 48, 56), "pink": (248, 152, 192)}


def sprite(background: tuple[int, int, int], number: int) -> np.ndarray:
    """24x24 cells: a face on a plain background, different for each number."""
    cells = np.full((24, 24, 3), background, dtype=np.uint8)
    cells[8:20, 7:17] = (240, 192, 156)
    cells[11, 9], cells[11, 14] = (0, 0, 0), (0, 0, 0)
    cells[20:, 4:20] = (30 + number % 200, 20, 90)
    return cells


def caption(background: str, number: int) -> str:
    """What `sprite` shows, with made-up hair, hat and shirt."""
    hair = ("blonde", "brown", "black", "ginger")[number % 4]
    shirt = ("red", "white", "navy", "yellow", "teal")[number % 5]
    hat = ("cap", "beanie", "crown")[number % 3]
    return (
        f"pixel art, 24x24, portrait of bespoke punk lad, {hair} hair, wearing {hat}, light skin, "
        f"solid {background} background, {shirt} shirt, {END}"
    )


@dataclass(frozen=True)
class SmallSet:
    """A folder with data/ and captions/."""

    root: Path

    def fill(self) -> None:
        """Eight clean pairs."""
        for folder in ("data", "captions"):
            (self.root / folder).mkdir()
        for number in range(8):
            word = sorted(COLOURS)[number % 4]
            self.write(f"lad_{number:03}", caption(word, number) + "\n", sprite(COLOURS[word], number))

    def write(self, stem: str, text: str | bytes | None = None, pixels: np.ndarray | bytes | None = None) -> None:
        if text is not None:
            (self.root / "captions" / f"{stem}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        if isinstance(pixels, bytes):
            (self.root / "data" / f"{stem}.png").write_bytes(pixels)
        elif pixels is not None:
            Image.fromarray(pixels).save(self.root / "data" / f"{stem}.png")

    def text(self, stem: str) -> str:
        return (self.root / "captions" / f"{stem}.txt").read_text()
