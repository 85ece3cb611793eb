"""Pictures while it trains, kohya's `sample_every_n_epochs`: a run that goes wrong is seen after an epoch.

They go to logs/train/<fingerprint>/epoch-000001/<prompt>.png and nowhere else. Drawing changes neither weights nor
modes nor any state of random numbers, so no tensor depends on it, and the settings are in no fingerprint.
"""

from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from sprite_lora.bases.drawing import Drawing, draw
from sprite_lora.bases.sample_params import Sample
from sprite_lora.core.files import replacing
from sprite_lora.core.logs_params import Logs
from stages.train.faults import Interruption
from stages.train.native.run import Run


class Previews:
    """The prompts of the section `sample`, drawn by the network in training."""

    def __init__(self, logs: Logs, sample: Sample, resolution: int, folder: Path) -> None:
        """`resolution`: side of the pictures, in pixels. `folder`: where an epoch's folder is made."""
        self.logs, self.sample, self.resolution, self.folder = logs, sample, resolution, folder

    def wanted(self, run: Run) -> bool:
        """Whether the run is where pictures are drawn: at its start, or at the end of each n-th epoch."""
        epoch, rest = divmod(run.progress.step, run.plan.steps_per_epoch)
        if not run.progress.step:
            return self.logs.sample_at_first
        return not rest and self.logs.sample_every_n_epochs is not None and epoch % self.logs.sample_every_n_epochs == 0

    def draw(self, run: Run, interruption: Interruption) -> None:
        """Draw them; what goes wrong is said in a line, and the training goes on.

        A signal ends the drawing after the picture that is being drawn.
        """
        epoch = run.progress.step // run.plan.steps_per_epoch
        folder = self.folder / f"epoch-{epoch:06d}"
        try:
            with drawing_mode(run, self.sample.network_mul):
                self._draw(run, interruption, folder)
            tqdm.write(f"pictures of epoch {epoch}: {folder}")
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            tqdm.write(f"pictures of epoch {epoch} were not drawn: {reason}; the training goes on")
            if run.base.unet.device.type == "cuda":
                torch.cuda.empty_cache()

    def _draw(self, run: Run, interruption: Interruption, folder: Path) -> None:
        names = list(self.sample.prompts)
        drawings = [self._drawing(run, name) for name in names]
        with side_by_side(run, drawings) as drawn:
            for name, (pixels, finite) in zip(names, drawn, strict=True):
                if not finite:
                    tqdm.write(f"{folder / name}.png: not all numbers were finite; drawn black there")
                with replacing(folder / f"{name}.png") as temporary:
                    Image.fromarray(pixels).save(temporary, "PNG")
                if interruption.number:
                    break

    def _drawing(self, run: Run, name: str) -> Drawing:
        params = run.params
        return Drawing.of(
            self.sample,
            name,
            self.resolution,
            max_token_length=params.max_token_length,
            clip_skip=params.clip_skip,
            v_prediction=params.v_parameterization,
            zero_terminal_snr=params.zero_terminal_snr,
        )


@contextmanager
def side_by_side(run: Run, drawings: list[Drawing]) -> Iterator[Iterator[tuple[NDArray[np.uint8], bool]]]:
    """The pictures in their order, drawn by the run's workers where it has some; none draws on afterwards."""
    one = partial(draw, run.base)
    if run.pool is None:
        yield map(one, drawings)
        return
    futures = [run.pool.submit(one, drawing) for drawing in drawings]
    try:
        yield (future.result() for future in futures)
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


@contextmanager
def drawing_mode(run: Run, multiplier: float) -> Iterator[None]:
    """Network and base as they draw: no dropout, the LoRA at that strength, the autoencoder beside the U-Net.

    Afterwards each module is in the mode and on the device that it was in before.
    """
    parts = [run.network, run.base.unet, *run.base.text_encoders]
    modes = {module: module.training for part in parts for module in part.modules()}
    vae_device = run.base.vae.device
    try:
        for part in parts:
            part.eval()
        run.network.set_multiplier(multiplier)
        run.base.vae.to(run.base.unet.device)
        yield
    finally:
        run.base.vae.to(vae_device)
        run.network.set_multiplier(1.0)
        for module, mode in modes.items():
            module.training = mode
