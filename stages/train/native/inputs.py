"""The pictures of a run, read and encoded, and the run in numbers."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.dataset.regularisation import Regular
from sprite_lora.kohya.train_params import Train
from stages.train.native.batch import BatchPlan, encode_file, entries
from stages.train.native.run import Picture


def make_plan(params: Train, manifest: Manifest, regularisation: list[Regular]) -> BatchPlan:
    """The run in numbers."""
    repeats = [picture.repeats for picture in regularisation]
    return BatchPlan(
        entries=entries(len(manifest.items), manifest.num_repeats, repeats),
        batch_size=params.train_batch_size,
        accumulation=params.gradient_accumulation_steps,
        processes=params.num_processes,
        epochs=params.max_train_epochs,
        max_steps=params.max_train_steps,
    )


def read_pictures(
    base: BaseModel,
    manifest: Manifest,
    dataset: Path,
    regularisation: list[Regular],
    prior_loss_weight: float,
    pool: ThreadPoolExecutor | None,
) -> list[Picture]:
    """All training pictures, then all regularisation pictures, encoded, side by side where there is a pool."""
    folder = dataset / manifest.folder
    files = [folder / f"{item.stem}.png" for item in manifest.items] + [picture.path for picture in regularisation]
    encode = partial(encode_file, base, manifest.resolution)
    posteriors = list(pool.map(encode, files) if pool else map(encode, files))
    own = [(item.stem, item.caption, 1.0) for item in manifest.items]
    regular = [(picture.path.name, picture.caption, prior_loss_weight) for picture in regularisation]
    return [
        Picture(name, caption, posterior, weight)
        for (name, caption, weight), posterior in zip(own + regular, posteriors, strict=True)
    ]
