"""What the embedded base model must do before any LoRA: the judged figures, printed with their bounds.

    python -m benchmarks.nano_base [--seeds 20]

Autoencoder: sprites at 24x24 (the real ones in ../shared/real/images where they are, else data/), enlarged to 192 and
sent through it. U-Net and text encoder: ten background colours, drawn with plain diffusers. Takes two to four
minutes on two cores.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from demo.portraits.persona import BACKGROUNDS, HAIR, RGB
from sprite_lora.art.colour import distance

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "real" / "images"
COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "white")
LOOKS = ("long hair", "bob hair", "curly hair", "afro hair", "hair")
Picture = NDArray[np.uint8]


def grid_fit(picture: Picture, cells: int = 24) -> float:
    """Share of the variance that 24x24 cell medians explain."""
    size = picture.shape[0] // cells
    blocks = picture.astype(float).reshape(cells, size, cells, size, 3)
    left = blocks - np.median(blocks, axis=(1, 3), keepdims=True)
    spread = picture - picture.mean(axis=(0, 1))
    return float(1.0 - np.square(left).sum() / max(np.square(spread).sum(), 1e-9))


def border_share(picture: Picture, cells: int = 24) -> float:
    """Share of the squared gradient between neighbouring pixels that lies on cell borders."""
    size, on, total = picture.shape[0] // cells, 0.0, 0.0
    for axis in (0, 1):
        steps = np.square(np.diff(picture.astype(float), axis=axis)).sum(axis=(1 - axis, 2))
        on += float(steps[size - 1 :: size].sum())
        total += float(steps.sum())
    return on / max(total, 1e-9)


def psnr(one: Picture, other: Picture) -> float:
    """Decibels against a peak of 255."""
    return float(10 * np.log10(255.0**2 / max(np.square(one.astype(float) - other).mean(), 1e-9)))


def nearest(colour: NDArray[np.float64], words: dict[str, RGB]) -> str:
    """The word whose colour lies nearest (OKLab)."""
    names = list(words)
    away = distance(colour.round().astype(np.uint8), np.array([words[name] for name in names], np.uint8))
    return names[int(away.argmin())]


def rim(picture: Picture) -> NDArray[np.float64]:
    """Median colour of the upper corners and sides, where the background shows."""
    parts = (picture[:80, :10], picture[:80, -10:], picture[:8, :40], picture[:8, -40:])
    return np.asarray(np.median(np.concatenate([part.reshape(-1, 3) for part in parts]), axis=0))


def crown(picture: Picture) -> NDArray[np.float64]:
    """Median colour of the top of the head."""
    return np.asarray(np.median(picture[28:48, 72:120].reshape(-1, 3), axis=0))


@torch.no_grad()
def through_autoencoder(pipeline: StableDiffusionPipeline) -> None:
    """Print what the autoencoder loses of hard-edged sprites."""
    source = REAL if REAL.is_dir() else ROOT / "data"
    fits, borders, decibels = [], [], []
    for path in sorted(source.glob("*.png")):
        sprite = Image.open(path).convert("RGB").resize((24, 24), Image.Resampling.NEAREST)
        before = np.asarray(sprite.resize((192, 192), Image.Resampling.NEAREST))
        pixels = torch.from_numpy(before.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1.0
        latents = pipeline.vae.encode(pixels).latent_dist.mean
        drawn = pipeline.vae.decode(latents).sample[0].permute(1, 2, 0)
        after = ((drawn.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
        decibels.append(psnr(after, before))
        fits.append(grid_fit(after))
        borders.append(border_share(after))
    print(f"autoencoder, {len(fits)} sprites of {source.name}:")
    report("PSNR, dB, mean", float(np.mean(decibels)), 32.0)
    report("grid fit, mean", float(np.mean(fits)), 0.99)
    report("border share, mean", float(np.mean(borders)), 0.99)
    print(f"  worst: PSNR {min(decibels):.1f}, grid fit {min(fits):.3f}, border share {min(borders):.3f}")


def drawings(pipeline: StableDiffusionPipeline, seeds: int, steps: int, guidance: float) -> None:
    """Print how often words are heeded, and how smooth the pictures are."""
    backgrounds = hairs = others = 0
    borders = []
    words = list(HAIR)
    for row, colour in enumerate(COLOURS):
        prompts, wanted = [], []
        for seed in range(seeds):
            hair = words[(5 * row + seed) % len(words)]
            # Hair of the background's own colour would make the second figure meaningless.
            hair = "black" if hair == colour else hair
            person = "lad" if seed % 2 else "lady"
            look = LOOKS[seed % len(LOOKS)]
            wanted.append(hair)
            prompts.append(f"portrait of bespoke punk {person}, {hair} {look}, light skin, solid {colour} background")
        generators = [torch.Generator().manual_seed(1000 * row + seed) for seed in range(seeds)]
        drawn = pipeline(
            prompts, num_inference_steps=steps, guidance_scale=guidance, generator=generators, output_type="np"
        )
        for picture, hair in zip((drawn.images * 255).round().astype(np.uint8), wanted, strict=True):
            backgrounds += nearest(rim(picture), dict(BACKGROUNDS)) == colour
            hairs += nearest(crown(picture), dict(HAIR)) == hair
            others += nearest(rim(picture), dict(BACKGROUNDS)) == COLOURS[row - 1]
            borders.append(border_share(picture))
    number = len(COLOURS) * seeds
    print(f"drawing, {number} pictures, {steps} steps, guidance {guidance}:")
    report("background as named, share", backgrounds / number, 0.90)
    print(f"  control, background as another prompt names it: {others / number:.3f}")
    report("hair as named, share", hairs / number, 0.85)
    report("border share, mean", float(np.mean(borders)), 0.20, most=True)


def report(what: str, value: float, bound: float, most: bool = False) -> None:
    """One line: the figure, its bound, and their ratio."""
    fine = value <= bound if most else value >= bound
    sign = "at most" if most else "at least"
    print(f"  {what}: {value:.3f} ({sign} {bound}; ratio {value / bound:.2f}) {'ok' if fine else 'MISSED'}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "nano")
    parser.add_argument("--seeds", type=int, default=20, help="pictures per background colour")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    wanted = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    pipeline = StableDiffusionPipeline.from_pretrained(wanted.model, safety_checker=None)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    through_autoencoder(pipeline)
    drawings(pipeline, wanted.seeds, wanted.steps, wanted.guidance)


if __name__ == "__main__":
    main()
