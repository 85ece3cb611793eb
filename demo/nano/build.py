"""Rebuild the embedded base model from nothing but its code and CLIP's merges.

    python -m demo.nano.build                 # an hour on 2 cores; stop it at will, the same command goes on
    python -m demo.nano.build --quick         # minutes, a model that draws nothing, to try the road

Draws the portraits, trains the autoencoder, the text encoder and the U-Net, and writes the folder that
diffusers loads (by default this one). Everything on the way lies in the work folder: portraits, latents,
checkpoints, one loss curve per part.
"""

import argparse
import os
from pathlib import Path

import torch
from transformers import CLIPTokenizer

from demo.nano import album, autoencoder, diffusion, text
from demo.nano.architecture import write_model
from demo.nano.bpe import write_tokenizer

HERE = Path(__file__).parent
PORTRAITS, AUTOENCODER_STEPS, TEXT_STEPS, DIFFUSION_STEPS = 8192, 1000, 1000, 2400


def build(work: Path, into: Path, portraits: int, steps: tuple[int, int, int]) -> None:
    """All stages; what the work folder holds already is not done again."""
    work.mkdir(parents=True, exist_ok=True)
    write_tokenizer(into / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(into / "tokenizer")
    crowd = album.people(portraits)
    pictures = album.pictures(work, portraits, say)
    vae = autoencoder.train(pictures, steps[0], work, say)
    autoencoder.standardise(vae, pictures[:128])
    latents = diffusion.latents_of(vae, pictures, work, say).float()
    encoder = text.train(crowd, tokenizer, steps[1], work, say)
    both = diffusion.train(latents, crowd, encoder, tokenizer, steps[2], work, say)
    write_model(into, vae, both.text_encoder, both.unet)
    say(f"written to {into}")


def say(line: str) -> None:
    """Progress, at once also where the output is a file."""
    print(line, flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("outputs/nano"), help="work folder (about 1 GB)")
    parser.add_argument("--into", type=Path, default=HERE, help="model folder; needs tokenizer/merges.txt")
    parser.add_argument("--quick", action="store_true", help="64 portraits, a few steps of each part")
    wanted = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    if wanted.quick:
        build(wanted.work, wanted.into, 64, (4, 4, 4))
    else:
        build(wanted.work, wanted.into, PORTRAITS, (AUTOENCODER_STEPS, TEXT_STEPS, DIFFUSION_STEPS))


if __name__ == "__main__":
    main()
