"""What a finished default run must show: the selected epoch's prompts, drawn from several seeds, against the base's.

    python -m benchmarks.nano_default [--seeds 4]

Run it in the folder of a finished `dvc repro`, after the default run or after one on other sprites. Prints grid fit,
border share, backgrounds and copies of training sprites with their bounds, and beside them what the untouched base
draws from the same noise.
"""

import argparse
from functools import partial

import numpy as np
import torch

from benchmarks.nano_base import border_share, grid_fit, nearest, report, rim
from demo.portraits.persona import BACKGROUNDS
from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.drawing import draw
from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core import machine
from sprite_lora.core.params import Paths, load
from sprite_lora.core.record import base_hash
from sprite_lora.dataset.caption import background_word
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import checkpoint_files
from sprite_lora.lora.network import applied
from sprite_lora.results.selection import Selection
from sprite_lora.scoring.judge import judge
from sprite_lora.scoring.ruler import Training
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.view import view
from stages.sample.epoch import Checkpoint, Setup
from stages.score.__main__ import learn


def make_setup(paths: Paths, sample: SampleSeeds, train: Train) -> Setup:
    """The default run's own way of drawing."""
    return Setup(
        base=load_base(paths.base, torch.float32, torch.device("cpu")),
        base_name=paths.base.stem,
        base_hash=base_hash(paths.base),
        sample=sample,
        resolution=read_manifest(paths.dataset).resolution,
        max_token_length=train.max_token_length,
        clip_skip=train.clip_skip,
        v_prediction=train.v_parameterization,
    )


def figures(setup: Setup, checkpoint: Checkpoint, seeds: range, ruler: Training, score: Score) -> dict[str, float]:
    """Draw all prompts from all seeds and measure: means over the pictures, copies as their number."""
    fits, borders, named, copies = [], [], [], 0
    with (
        applied(setup.base, checkpoint.path, setup.sample.network_mul),
        machine.one_thread_each(machine.cores()) as pool,
    ):
        for seed in seeds:
            seeded = Setup(**{**vars(setup), "sample": setup.sample.model_copy(update={"seed": seed, "seeds": ()})})
            drawn = pool.map(partial(draw, setup.base), map(seeded.drawing, setup.sample.prompts))
            for prompt, (pixels, _) in zip(setup.sample.prompts.values(), drawn, strict=True):
                fits.append(grid_fit(pixels))
                borders.append(border_share(pixels))
                named.append(nearest(rim(pixels), dict(BACKGROUNDS)) == background_word(prompt))
                verdict = judge(view(pixels, prompt, 24, score.tolerance), ruler, score)
                copies += verdict.copies > 0
    return {
        "pictures": len(fits),
        "grid fit": float(np.mean(fits)),
        "border share": float(np.mean(borders)),
        "background as named": float(np.mean(named)),
        "copies": copies,
    }


def main() -> None:
    """Measure the run in the working folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4, help="seeds per prompt, the run's own first")
    parser.add_argument("--grid-fit", type=float, default=0.97, help="bound; 0.95 for the real sprites")
    parser.add_argument("--border-share", type=float, default=0.8, help="bound; 0.7 for the real sprites")
    wanted = parser.parse_args()
    paths, sample, train, score = load(Paths), load(SampleSeeds), load(Train), load(Score)
    machine.deterministic()
    torch.set_num_threads(1)
    setup = make_setup(paths, sample, train)
    ruler = learn(paths.dataset, read_manifest(paths.dataset), score)
    chosen = Selection.read().epoch
    files = checkpoint_files(paths.checkpoints, train)
    seeds = range(sample.seed, sample.seed + wanted.seeds)
    base = figures(setup, Checkpoint(0), seeds, ruler, score)
    own = figures(setup, Checkpoint(chosen, files[chosen]), seeds, ruler, score)
    print(f"epoch {chosen}, {len(sample.prompts)} prompts x {wanted.seeds} seeds, {own['pictures']} pictures:")
    report("grid fit, mean", own["grid fit"], wanted.grid_fit)
    report("border share, mean", own["border share"], wanted.border_share)
    report("background as named, share", own["background as named"], 0.80)
    print(f"  copies of training sprites: {own['copies']:.0f} (none allowed)")
    for name in ("grid fit", "border share", "background as named"):
        print(f"  {name}: {own[name]:.3f}, the untouched base {base[name]:.3f}, ratio {own[name] / base[name]:.2f}")


if __name__ == "__main__":
    main()
