"""Regularisation pictures: what the base model must still be able to draw, in kohya's layout, beside the sprites."""

from dataclasses import dataclass
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""What Pillow may read such a file as, whatever its name: among its other formats is one that runs Ghostscript."""


@dataclass(frozen=True)
class Regular:
    """One regularisation picture."""

    path: Path
    caption: str
    repeats: int


def read_regularisation(folder: Path) -> list[Regular]:
    """Pictures below `<repeats>_<class>/`, sorted; a picture without a .txt is captioned by its class, as in kohya.

    None where the folder is empty. Raises SpriteLoraError for pictures that lie outside of such a subfolder.
    """
    pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    return [_regular(folder, path) for path in pictures]


def _regular(folder: Path, path: Path) -> Regular:
    repeats, _, name = path.parent.name.partition("_")
    if path.parent.parent != folder or not repeats.isdigit() or int(repeats) < 1:
        raise SpriteLoraError(
            f"{path}: not in a folder <repeats>_<class>", f"regularisation pictures lie in {folder}/1_<class>/"
        )
    text = path.with_suffix(".txt")
    caption = text.read_text(encoding="utf-8-sig").split("\n")[0].strip() if text.exists() else name
    return Regular(path, caption, int(repeats))


def folders(pictures: list[Regular]) -> dict[str, dict[str, int]]:
    """kohya's `ss_reg_dataset_dirs`."""
    names = sorted({picture.path.parent.name for picture in pictures})
    count = {name: sum(picture.path.parent.name == name for picture in pictures) for name in names}
    return {name: {"n_repeats": int(name.partition("_")[0]), "img_count": count[name]} for name in names}
