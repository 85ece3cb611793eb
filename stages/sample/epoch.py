"""All pictures of one epoch: the LoRA hooked in, the prompts encoded and drawn, each picture stamped."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.bases.drawing import Drawing, draw, draw_in_turn, needs_turns
from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core import machine
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.starter import require_starter
from sprite_lora.lora.epochs import Epoch, in_digits
from sprite_lora.lora.network import applied
from sprite_lora.results.picture import web_ui_text, write_picture
from stages.sample.kept import Kept

MEMORY_KNOBS = (
    "end what else uses the GPU (nvidia-smi lists it)",
    "train.mixed_precision: bf16 or fp16",
    "package.resolution lower",
)
"""In order of effect."""


@dataclass(frozen=True)
class Setup:
    """What stays the same from epoch to epoch."""

    base: BaseModel
    base_name: str
    base_hash: str
    sample: SampleSeeds
    resolution: int
    """Side of the pictures, in pixels: the dataset's."""
    max_token_length: int
    """The trainer's: the U-Net reads as many windows as it was trained with."""
    clip_skip: int | None
    v_prediction: bool
    zero_terminal_snr: bool = False
    """Whether the LoRA was trained so."""
    vae_hash: str | None = None
    """Of an autoencoder in the place of the base's own."""
    kept: Kept | None = None
    """Pictures that a process drew which did not finish."""

    def drawing(self, name: str) -> Drawing:
        """How the picture of that name is drawn."""
        prompt, seed = self.sample.pictures[name]
        one = Drawing.of(
            self.sample,
            prompt,
            self.resolution,
            max_token_length=self.max_token_length,
            clip_skip=self.clip_skip,
            v_prediction=self.v_prediction,
            zero_terminal_snr=self.zero_terminal_snr,
        )
        return replace(one, seed=seed)


@dataclass(frozen=True)
class Checkpoint:
    """What an epoch left; epoch 0 left nothing and is drawn by the base alone."""

    epoch: Epoch
    path: Path | None = None
    model_hash: str | None = None
    """`sshs_model_hash`: SHA-256 of its tensors."""
    fingerprint: str | None = None
    """Of the training run; None where another tool wrote the file."""


def require_short_prompts(setup: Setup) -> None:
    """Raise SpriteLoraError for a prompt that max_token_length would cut."""
    for name, prompt in {**setup.sample.prompts, "negative_prompt": setup.sample.negative_prompt}.items():
        tokens = setup.base.tokenizer.count(prompt)
        if tokens > setup.max_token_length:
            raise SpriteLoraError(
                f"params.yaml: `{name}` has {tokens} tokens, train.max_token_length is {setup.max_token_length}",
                "shorten the prompt, or raise train.max_token_length to 150 or 225",
            )


def draw_epoch(setup: Setup, checkpoint: Checkpoint, folder: Path, at_once: int) -> list[Path]:
    """Draw every prompt with every seed into `folder`; return the pictures' paths.

    What is no picture of this epoch is removed: leftovers of other prompts and seeds.

    `at_once` pictures are drawn side by side, each on one thread: a picture's bytes do not depend on the number, and
    small models gain more from it than from threads inside each operation, which wait for each other all the time.
    """
    everything = list(setup.sample.pictures)
    require_starter()
    clear(folder, keep={f"{name}.png" for name in everything})
    records = {name: picture_record(setup, checkpoint, name) for name in everything}
    kept = setup.kept
    names = [name for name in everything if not (kept and kept.take(records[name], folder / f"{name}.png"))]
    if len(names) < len(everything):
        print(f"{folder}: {len(everything) - len(names)} pictures were drawn before")
    if names:
        draw_pictures(setup, checkpoint, folder, at_once, {name: records[name] for name in names})
    return [folder / f"{name}.png" for name in everything]


def draw_pictures(
    setup: Setup, checkpoint: Checkpoint, folder: Path, at_once: int, records: dict[str, dict[str, Any]]
) -> None:
    """Draw the pictures of these names, and write each with its record."""
    names = list(records)
    with (
        machine.explaining_memory(f"pictures of {setup.resolution} px", MEMORY_KNOBS),
        applied(setup.base, checkpoint.path, setup.sample.network_mul),
        ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        drawings = list(map(setup.drawing, names))
        in_turn = needs_turns(setup.base, setup.resolution)
        drawn = draw_in_turn(setup.base, drawings) if in_turn else pool.map(partial(draw, setup.base), drawings)
        for name, (pixels, finite) in zip(names, drawn, strict=True):
            if not finite:
                print(
                    f"epoch {in_digits(checkpoint.epoch)}, {name}: not all numbers were finite; drawn black there",
                    flush=True,
                )
            require_starter()
            path = folder / f"{name}.png"
            record = records[name] | {"finite": finite}
            write_picture(path, Image.fromarray(pixels), record, web_ui(setup, checkpoint, name))
            if setup.kept:
                setup.kept.keep(records[name], path)


def require_still_there(drawn: list[Path]) -> None:
    """Raise SpriteLoraError where a picture that this process has drawn is gone.

    DVC deletes them when it runs the stage anew: then this process is an orphan, and the new one waits for it.
    """
    gone = [path for path in drawn if not path.is_file()]
    if gone:
        raise SpriteLoraError(f"{gone[0]} was deleted while its shard was being drawn: another run has taken over")


def clear(folder: Path, keep: set[str]) -> None:
    """Remove pictures of prompts that are gone, and unfinished files of a process that was killed."""
    for path in [*folder.glob("*.png"), *folder.glob(".*.tmp")]:
        if path.name not in keep:
            path.unlink()


def picture_record(setup: Setup, checkpoint: Checkpoint, name: str) -> dict[str, Any]:
    """What made the picture, without device, clock or folder; DVC's own deps say the rest."""
    sample = setup.sample
    prompt, seed = sample.pictures[name]
    return {
        "stage": sample.key,
        "name": name,
        "epoch": checkpoint.epoch,
        "checkpoint": checkpoint.model_hash,
        "fingerprint": checkpoint.fingerprint,
        "base": setup.base_hash,
        "vae": setup.vae_hash,
        "prompt": sample.prompts[prompt],
        "negative_prompt": sample.negative_prompt,
        "seed": seed,
        "steps": sample.steps,
        "guidance_scale": sample.guidance_scale,
        "scheduler": sample.scheduler,
        "network_mul": sample.network_mul,
        "resolution": setup.resolution,
        "max_token_length": setup.max_token_length,
        "clip_skip": setup.clip_skip,
    }


def web_ui(setup: Setup, checkpoint: Checkpoint, name: str) -> str:
    """The same for web UIs."""
    sample = setup.sample
    prompt, seed = sample.pictures[name]
    return web_ui_text(
        prompt=sample.prompts[prompt],
        negative_prompt=sample.negative_prompt,
        steps=sample.steps,
        scheduler=sample.scheduler,
        guidance_scale=sample.guidance_scale,
        seed=seed,
        size=(setup.resolution, setup.resolution),
        model=setup.base_name,
        model_hash=setup.base_hash,
        clip_skip=setup.clip_skip,
        loras={checkpoint.path.stem: checkpoint.model_hash} if checkpoint.path and checkpoint.model_hash else None,
    )
