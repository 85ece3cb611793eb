"""The pictures of a run, read and encoded, and the run in numbers."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.dataset.regularisation import Regular, read_picture_file
from sprite_lora.kohya.train_params import Train
from stages.train.native.batch import BatchPlan, Posterior, encode_file, entries
from stages.train.native.resize import Sizes, sizes
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
    """All training pictures, then all regularisation pictures, encoded, side by side where there is a pool.

    Training pictures have the manifest's size; regularisation pictures of other sizes are resized.
    """
    folder, side = dataset / manifest.folder, manifest.resolution
    files = [folder / f"{item.stem}.png" for item in manifest.items]
    others = [picture.path for picture in regularisation]
    run: Callable[..., Iterable[Posterior]] = pool.map if pool else map
    posteriors = [
        *run(partial(encode_file, base, side), files),
        *run(partial(encode_file, base, side, resize=True), others),
    ]
    own = [(item.stem, item.caption, 1.0, None) for item in manifest.items]
    regular = [(one.path.name, one.caption, prior_loss_weight, sizes_of(one.path, side)) for one in regularisation]
    return [
        Picture(name, caption, posterior, weight, sizes)
        for (name, caption, weight, sizes), posterior in zip(own + regular, posteriors, strict=True)
    ]


def sizes_of(path: Path, side: int) -> Sizes | None:
    """`resize.sizes` of a picture of another size; None for one of `side` pixels squared."""
    width, height = read_picture_file(path).size
    return None if (width, height) == (side, side) else sizes(width, height, side)
