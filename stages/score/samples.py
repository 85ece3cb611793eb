"""The pictures to judge, and what their own records say of them."""

from dataclasses import dataclass
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.lora.epochs import Epoch, epoch_folder
from sprite_lora.results.picture import read_record, require_own_pixels
from sprite_lora.results.records import PictureRecord

REDRAW = "draw them again: dvc repro -f sample"


@dataclass(frozen=True)
class Drawn:
    """A picture of one epoch. Prompt and checkpoint are what its record says, no folder or file name is believed."""

    path: Path
    epoch: Epoch
    prompt: str
    checkpoint: str
    """`sshs_model_hash` of the LoRA that drew it; empty for the untouched base."""
    finite: bool
    """Whether the base's and the LoRA's numbers stayed numbers; where not, something was drawn in their place."""
    pixels: str
    """Hash of its pixels, as its record has it."""

    @property
    def name(self) -> str:
        """The prompt's name."""
        return self.path.stem


def find_samples(samples: Path) -> dict[Epoch, list[Drawn]]:
    """Epoch to its pictures, both in order.

    Raises SpriteLoraError where there are none, where a picture has no record or another epoch's, and where epochs
    were not drawn from the same prompts (scores would not compare).
    """
    folders = sorted(samples.glob("epoch-*"))
    if not folders:
        raise SpriteLoraError(f"{samples} holds no epoch's pictures", "run the stage before: dvc repro sample")
    epochs = {}
    for folder in folders:
        drawn = [_read(path) for path in sorted(folder.glob("*.png"))]
        for picture in drawn:
            if folder != epoch_folder(samples, picture.epoch):
                raise SpriteLoraError(f"{picture.path} was drawn at epoch {picture.epoch}, says its record", REDRAW)
        if not drawn:
            raise SpriteLoraError(f"{folder} holds no pictures", REDRAW)
        epochs[drawn[0].epoch] = drawn
    _same_prompts(epochs)
    return dict(sorted(epochs.items()))


def _read(path: Path) -> Drawn:
    content = read_record(path)
    if content is None:
        raise SpriteLoraError(f"{path} carries no record of what drew it", REDRAW)
    require_own_pixels(path)
    record = PictureRecord.of(content, str(path), REDRAW)
    return Drawn(path, record.epoch, record.prompt, record.checkpoint or "", record.finite, str(content["pixels"]))


def _same_prompts(epochs: dict[Epoch, list[Drawn]]) -> None:
    (first, pictures), *others = epochs.items()
    wanted = {picture.name: picture.prompt for picture in pictures}
    for epoch, drawn in others:
        found = {picture.name: picture.prompt for picture in drawn}
        wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if wrong:
            raise SpriteLoraError(
                f"epochs {first} and {epoch} were not drawn from the same prompts: {', '.join(wrong)}", REDRAW
            )
