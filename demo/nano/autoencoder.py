"""The autoencoder: trained on crops of smooth portraits and on hard edges, from a start that carries block colours.

Every second picture is smooth and every second one has hard edges. The latents get noise of random strength, because
what the U-Net draws is never exact: the decoder learns to stand that, and the fixed deviation stays in the file.
The first three channels hold the colour of a cell. The fourth says which world it belongs to: HARD in a mosaic,
below 0 and free to hold detail in a smooth picture. So the edges of a mosaic don't hang on fine differences that a
U-Net would have to hit exactly.
"""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from demo.nano.architecture import new_autoencoder
from demo.nano.colour_road import lay_road
from demo.nano.mosaics import CELL, mosaic, rectangles
from demo.nano.progress import resumable

CROP = 48
SMOOTH, BLOCKS = 6, 4  # Pictures in a batch; two mosaics or rectangles come on top.
GAIN = 1.8  # Latents of colours in [-1, 1] have a deviation of about 1 then.
HARD = 1.5  # Fourth latent channel of a cell with hard edges; a smooth one lies below 0.
WORLDS = 0.02  # Weight of the loss that holds it there.
NOISE = 0.15  # Strongest noise on the latents, in their own unit.


def batch(rng: np.random.Generator, pictures: NDArray[np.uint8]) -> Tensor:
    """Crops, (12, 3, CROP, CROP) in [-1, 1]: smooth ones, block versions of smooth ones, and invented ones."""
    crops = []
    for _ in range(SMOOTH + BLOCKS):
        picture = pictures[rng.integers(len(pictures))]
        top, left = rng.integers(0, picture.shape[0] - CROP + 1, 2)
        crops.append(picture[top : top + CROP, left : left + CROP].transpose(2, 0, 1).astype(np.float32) / 127.5 - 1.0)
    crops[SMOOTH:] = [_blocks(rng, crop) for crop in crops[SMOOTH:]]
    crops += [mosaic(rng, CROP), (rectangles if rng.random() < 0.5 else mosaic)(rng, CROP)]
    return torch.from_numpy(np.stack(crops))


def _blocks(rng: np.random.Generator, crop: NDArray[np.float32]) -> NDArray[np.float32]:
    """One pixel of each block repeated over it, in few shades: jumps of colour as hard as in a sprite."""
    shades = rng.integers(4, 17)
    cells = np.round(crop[:, CELL // 2 :: CELL, CELL // 2 :: CELL] * shades / 2) * 2 / shades
    contrast = rng.uniform(1.0, 1.6)
    return np.kron((cells * contrast).clip(-1, 1), np.ones((1, CELL, CELL), np.float32)).astype(np.float32)


def loss(autoencoder: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Loss of a batch as `batch` draws it.

    Squared error, plus the absolute error of the steps between neighbouring pixels, which keeps edges in place.

    The Kullback-Leibler weight is 1e-6 on the means alone; the deviation is fixed (colour_road.LOG_VARIANCE).
    """
    with torch.autocast("cpu", torch.bfloat16):
        mean = autoencoder.encode(pictures).latent_dist.mean.float()
        strength = NOISE * torch.rand(len(mean), 1, 1, 1) ** 2
        drawn = autoencoder.decode(mean + strength * torch.randn_like(mean)).sample.float()
    steps = sum((drawn - pictures).diff(dim=axis).abs().mean() for axis in (2, 3))
    smooth, hard = mean[:SMOOTH, 3], mean[SMOOTH : SMOOTH + BLOCKS + 1, 3]
    worlds = functional.relu(smooth).square().mean() + (hard - HARD).square().mean()
    total: Tensor = functional.mse_loss(drawn, pictures) + 0.1 * steps + WORLDS * worlds + 1e-6 * mean.square().mean()
    return total


def train(pictures: NDArray[np.uint8], steps: int, work: Path, say: Callable[[str], None]) -> AutoencoderKL:
    """The trained autoencoder (the moving average of its weights); `pictures` is uint8 (n, 192, 192, 3)."""
    torch.manual_seed(1)
    model = new_autoencoder()
    lay_road(model, GAIN)
    average = copy.deepcopy(model).requires_grad_(False)

    def step(number: int) -> Tensor:
        torch.manual_seed(1_000_000 + number)
        return loss(model, batch(np.random.default_rng([1, number]), pictures))

    resumable(work, "autoencoder", model, average, step, steps, peak=6e-4, decay=0.995, say=say)
    return average


@torch.no_grad()
def standardise(autoencoder: AutoencoderKL, pictures: NDArray[np.uint8]) -> None:
    """Give each latent channel deviation 1 over these pictures and their block versions, in place.

    Only the two 1x1 convs change. `scaling_factor` is 1 then, and the worlds lie about 2 apart in the fourth channel.
    """
    blocks = pictures[:, CELL // 2 :: CELL, CELL // 2 :: CELL].repeat(CELL, axis=1).repeat(CELL, axis=2)
    both = torch.from_numpy(np.concatenate([pictures, blocks])).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    means = torch.cat([autoencoder.encode(part).latent_dist.mean for part in torch.split(both, 16)])
    scale = 1.0 / means.std(dim=(0, 2, 3))
    quant, post = autoencoder.quant_conv, autoencoder.post_quant_conv
    quant.weight[:4] *= scale.view(4, 1, 1, 1)
    quant.bias[:4] *= scale
    quant.bias[4:] += 2.0 * scale.log()
    post.weight /= scale.view(1, 4, 1, 1)
