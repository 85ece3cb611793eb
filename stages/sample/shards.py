"""Which epochs are drawn, and how they are dealt out to processes. The Snakefile asks; no torch here."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from sprite_lora.bases.autoencoder import vae_hash
from sprite_lora.bases.registry import family_of
from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.core.params import Paths, load
from sprite_lora.core.record import base_hash
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import checkpoint_files, counts_steps
from sprite_lora.lora.epochs import Epoch, epoch_folder
from sprite_lora.results.plan import Plan

TRAIN_KEYS = ("mixed_precision", "max_token_length", "clip_skip", "v_parameterization", "zero_terminal_snr")
"""What of the section `train` changes a picture beside the checkpoint itself."""


@dataclass(frozen=True)
class Shard:
    """The share of one process."""

    number: int
    epochs: list[Epoch]
    files: dict[Epoch, Path]
    """The checkpoint of each saved epoch."""
    paths: Paths
    sample: SampleSeeds
    train: Train

    @property
    def epochs_named(self) -> str:
        """As `python -m stages.sample --epochs` takes them."""
        return ",".join(map(str, self.epochs))

    @property
    def pictures(self) -> list[str]:
        """What it draws."""
        folders = [epoch_folder(self.paths.samples, epoch) for epoch in self.epochs]
        return [str(folder / f"{name}.png") for folder in folders for name in self.sample.pictures]

    @property
    def log(self) -> str:
        """Where its process's lines go."""
        return str(self.paths.logs / "sample" / f"shard-{self.number}.log")

    @property
    def settings(self) -> dict[str, Any]:
        """The params that its pictures depend on: Snakemake draws again when they change."""
        return self.sample.model_dump() | self.train.model_dump(include=set(TRAIN_KEYS))

    def contents(self, _wildcards: object) -> dict[str, str | int | None]:
        """Hashes of the files that its pictures depend on, and the resolution: Snakemake draws again when they change.

        As params and not as input: of its inputs Snakemake compares dates, which mean nothing here, and fails after
        all is drawn where one lies in the future. Ends Snakemake with one message where a file is missing.
        SystemExit, because Snakemake would print a traceback around any other error.
        """
        try:
            needed = require_checkpoints(self.files, self.epochs)
            return {
                "base": hash_of(self.paths.base),
                "vae": vae_hash(self.paths.vae),
                "resolution": read_manifest(self.paths.dataset).resolution,
                **{path.as_posix(): sha256(path) for path in needed},
            }
        except SpriteLoraError as error:
            sys.exit(f"error: {error}")


@cache
def hash_of(base: Path) -> str:
    """`base_hash`, once for all shards. Raises SpriteLoraError where there is no base model."""
    family_of(base)
    return base_hash(base)


def planned(config: Mapping[str, Any]) -> list[Shard]:
    """The shards of `snakemake --config epochs=3,7 shards=2`; both may be missing: all epochs, one shard.

    Ends Snakemake with one message where params.yaml or one of the two is not right.
    """
    try:
        paths, sample, train = load(Paths), load(SampleSeeds), load(Train)
        files = run_checkpoints(paths, train)
        groups = dealt(chosen_epochs(files, config.get("epochs")), config.get("shards", 1))
    except SpriteLoraError as error:
        sys.exit(f"error: {error}")
    return [Shard(number, epochs, files, paths, sample, train) for number, epochs in enumerate(groups)]


def run_checkpoints(paths: Paths, train: Train) -> dict[Epoch, Path]:
    """Epoch to file, for every checkpoint of the run; where it counts steps, by the plan that `validate` made."""
    steps = Plan.read().steps_per_epoch if counts_steps(train) else 1
    return checkpoint_files(paths.checkpoints, train, steps)


def chosen_epochs(saved: Iterable[Epoch], wanted: object) -> list[Epoch]:
    """The epochs to draw, in order: all saved ones and the untouched base (0), or just those in `wanted`.

    `wanted` is what `--config epochs=...` or `--epochs` hands over: None, 3, 2.5 or "3,7". Raises SpriteLoraError,
    naming the saved epochs, for one that training does not save.
    """
    there = [0, *sorted(saved)]
    if wanted is None:
        return there
    words = [word.strip() for word in str(wanted).split(",") if word.strip()]
    named = {str(epoch): epoch for epoch in there}
    unknown = [word for word in words if word not in named]
    if unknown or not words:
        raise SpriteLoraError(
            f"epochs={wanted}: no checkpoint of epoch {', '.join(unknown) or '(none named)'}; "
            f"saved are {', '.join(list(named)[1:])}, and 0 is the untouched base",
            "params.yaml says which are saved: train.max_train_epochs or _steps, train.save_every_n_epochs or _steps",
        )
    return sorted({named[word] for word in words})


def dealt(epochs: list[Epoch], number: object) -> list[list[Epoch]]:
    """The epochs in `number` neighbouring groups of nearly one size, none empty.

    Raises SpriteLoraError where `number` is no whole number from 1.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise SpriteLoraError(f"shards={number}: a whole number from 1 is expected", "see `config:` in profiles/")
    groups = min(number, len(epochs))
    cuts = [len(epochs) * group // groups for group in range(groups + 1)]
    return [epochs[start:end] for start, end in pairwise(cuts)]


def require_checkpoints(files: Mapping[Epoch, Path], epochs: Iterable[Epoch]) -> list[Path]:
    """The checkpoints of these epochs (0 has none). Raises SpriteLoraError where one is missing."""
    needed = [files[epoch] for epoch in epochs if epoch != 0]
    absent = [path for path in needed if not path.is_file()]
    if absent:
        more = f", nor do {len(absent) - 1} others" if len(absent) > 1 else ""
        raise SpriteLoraError(f"checkpoint {absent[0]} does not exist{more}", "uv run dvc repro train")
    return needed
