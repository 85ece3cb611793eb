"""On a CUDA GPU: the same noise, so nearly the CPU's picture; the same picture twice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sprite_lora.bases.base_model import load_base
from stages.sample.epoch import Checkpoint, Setup, draw_epoch

pytestmark = pytest.mark.gpu


def drawn(setup: Setup, folder: Path, checkpoint: Checkpoint) -> np.ndarray:
    return np.asarray(Image.open(draw_epoch(setup, checkpoint, folder, at_once=1)[0])).astype(float)


@pytest.mark.parametrize(("dtype", "levels"), [(torch.float32, 0.5), (torch.float16, 2.0), (torch.bfloat16, 8.0)])
@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_gpu_draws_the_cpus_picture(request, make_setup, make_lora, tmp_path, family, dtype, levels):
    """`levels` of 255, on average over a picture of a random model, with a LoRA."""
    folder = request.getfixturevalue(family)
    checkpoint = Checkpoint(1, make_lora(folder, 1))
    on_cpu = make_setup(folder)
    on_gpu = Setup(**{**vars(on_cpu), "base": load_base(folder, dtype, "cuda")})
    reference = drawn(on_cpu, tmp_path / "cpu", checkpoint)
    first = drawn(on_gpu, tmp_path / "gpu", checkpoint)
    assert np.abs(first - reference).mean() <= levels
    assert np.array_equal(drawn(on_gpu, tmp_path / "again", checkpoint), first)
