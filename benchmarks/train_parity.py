"""The native trainer beside kohya's sd-scripts on the same batches: gradients, losses and what training changes.

    python -m benchmarks.train_parity CHECKOUT --python PYTHON [--base FOLDER] [--steps 50] [--train KEY=VALUE ...]

CHECKOUT is sd-scripts' (v0.10.1 was compared), PYTHON that of its environment. Both train one LoRA from the same random
weights, on a CPU in float32, on an SD1.5-size base: a diffusers folder; without --base one of random weights is made
(4 GB, half a minute). We draw latents, noise, timesteps and captions; sd-scripts gets the same. `--train` changes flags
on both sides, such as v_parameterization=true conv_dim=4; not those that draw: noise, captions, dropout.

Prints the worst figure of each kind beside its bound, and exits 1 where one is beyond it. The sides take turns; 10 GB
of memory. --keep keeps sd-scripts' log, inputs and outputs.
"""

import argparse
import gc
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

from benchmarks.kohya_file import check, make_base
from sprite_lora.bases.base_model import BaseModel, load_base
from sprite_lora.core import rng
from sprite_lora.kohya.train_params import Train
from stages.train.faults import Interruption
from stages.train.native import objective
from stages.train.native.batch import BatchPlan, Posterior, epoch_batches
from stages.train.native.gradients import Batch, add_gradients
from stages.train.native.run import Picture, Run
from stages.train.native.training import make_accelerator

ROOT = Path(__file__).resolve().parents[1]
SIDE = "latents' side, 8 pixels each; at 8 two modules' gradients are 0, and exactly so with plain attention alone"
GRADIENT, LOSS, UPDATE = 1e-4, 1e-3, 0.98
"""Bounds: relative L2 of a module's gradient, difference of a loss, cosine of what training changed in a module."""

BOTH: dict[str, Any] = {
    "learning_rate": 1e-4, "unet_lr": 1e-4, "text_encoder_lr": 5e-5, "network_dim": 4, "network_alpha": 2.0,
    "max_token_length": 225, "lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": 3, "lr_warmup_steps": 5,
    "min_snr_gamma": 5.0, "train_batch_size": 2, "optimizer_type": "AdamW", "max_grad_norm": 1.0, "seed": 42,
    "mixed_precision": "no", "conv_dim": None, "clip_skip": None, "v_parameterization": False,
    "network_train_unet_only": False, "network_train_text_encoder_only": False,
}  # fmt: skip
"""Flags of both sides."""
OURS: dict[str, Any] = {
    "backend": "native", "output_name": "parity", "max_train_epochs": 1, "save_every_n_epochs": 1,
    "max_train_steps": None, "save_every_n_steps": None, "zero_terminal_snr": False,
    "save_state_every_n_steps": 1000, "save_precision": None, "num_processes": 1, "gradient_accumulation_steps": 1,
    "shuffle_caption": True, "keep_tokens": 1, "caption_dropout_rate": 0.1, "noise_offset": 0.05,
}  # fmt: skip
"""Flags of ours alone: files, and what a batch is made of; sd-scripts gets the batches."""
NETWORK_ARGS = ("conv_dim", "conv_alpha")
"""What sd-scripts takes in --network_args."""
CAPTIONS = (
    "pixel art, 24x24, portrait of a lady, blonde hair, blue eyes, green background",
    "pixel art, 24x24, portrait of a lad, hat" + ", red scarf, silver earring, brown eyes" * 12,
    "pixel art, an old wizard; long white beard, purple robe",
    "pixel art, 24x24, robot" + ", antenna" * 80,
)


@dataclass
class Results:
    """What one side computed."""

    gradients: dict[str, torch.Tensor]
    """By the weight's name in the file, of the first batch, before clipping."""
    losses: list[float]
    """Per step."""
    weights: dict[str, torch.Tensor]
    """By name, after the last step."""


@dataclass
class Given:
    """What each batch was made of, by step."""

    latents: list[torch.Tensor] = field(default_factory=list)
    """Unscaled."""
    noise: list[torch.Tensor] = field(default_factory=list)
    timesteps: list[torch.Tensor] = field(default_factory=list)
    captions: list[list[str]] = field(default_factory=list)


class RecordedRun(Run):
    """Remembers what its batches are made of."""

    given: Given

    def batch(self, pictures: list[Picture], number: int) -> Batch:
        batch = super().batch(pictures, number)
        latents = self._latents(pictures, number)
        self.given.latents.append(latents / self.base.latent_scale)
        self.given.noise.append(objective.batch_noise(latents, self.params, number))
        self.given.timesteps.append(batch.timesteps)
        self.given.captions.append(batch.captions)
        return batch


def make_pictures(side: int) -> list[Picture]:
    """Latents with the deviation that SD1.5's autoencoder gives, unscaled, and captions of one to three windows."""
    return [
        Picture(
            stem=str(number),
            caption=caption,
            posterior=Posterior(
                5.5 * rng.normal((4, side, side), 0, "picture", number), torch.full((4, side, side), 0.1)
            ),
            weight=1.0,
        )
        for number, caption in enumerate(CAPTIONS)
    ]


def random_weights(run: Run) -> dict[str, torch.Tensor]:
    """All weights of the network away from zero: down as at the start, up from N(0, 0.02)."""
    tensors = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    for name in tensors:
        if name.endswith("lora_up.weight"):
            tensors[name] = 0.02 * rng.normal(tuple(tensors[name].shape), 0, "up", name)
    return tensors


def train_ours(base: BaseModel, params: Train, side: int, steps: int) -> tuple[dict[str, torch.Tensor], Given, Results]:
    """Initial weights, what the batches were made of, and the results."""
    pictures = make_pictures(side)
    uses = [number % len(pictures) for number in range(steps * params.train_batch_size)]
    plan = BatchPlan(uses, params.train_batch_size, 1, 1, 1)
    run = RecordedRun(params, base, pictures, plan, 8 * side, make_accelerator(), None)
    run.given = Given()
    start = random_weights(run)
    run.network.load_state_dict(start)
    first = [pictures[index] for index in epoch_batches(plan, params.seed, 0)[0]]
    add_gradients(run.model, run.batch(first, 0), 1.0, None)
    named = run.network.named_parameters()
    gradients = {name: weight.grad.clone() for name, weight in named if weight.grad is not None}
    run.optimizer.zero_grad(set_to_none=True)
    run.given = Given()
    for _ in range(plan.steps):
        run.step(Interruption())
    run.network.restore()
    weights = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    return start, run.given, Results(gradients, [row["loss"] for row in run.progress.rows], weights)


def kohya_arguments(flags: dict[str, Any], base: Path, folder: Path) -> list[str]:
    """sd-scripts' command line. Its data set is one grey picture, for which each step's batch is put in."""
    words = [
        f"--pretrained_model_name_or_path={base.absolute()}", "--network_module=networks.lora", "--resolution=64,64",
        f"--network_weights={folder / 'start.safetensors'}", f"--train_data_dir={folder / 'data'}",
        "--max_train_epochs=1", f"--output_dir={folder}", "--output_name=kohya", "--save_model_as=safetensors",
        "--max_data_loader_n_workers=0", f"--tokenizer_cache_dir={folder / 'tokenizer'}",
    ]  # fmt: skip
    given = {name: value for name, value in flags.items() if value not in (None, False)}
    if given["max_token_length"] == 75:
        del given["max_token_length"]  # its default, which it does not take by name
    inside = [f"{name}={given.pop(name)}" for name in NETWORK_ARGS if name in given]
    words += ["--network_args", *inside] if inside else []
    return words + [f"--{name}" if value is True else f"--{name}={value}" for name, value in given.items()]


def train_kohya(
    arguments: argparse.Namespace, flags: dict[str, Any], base: Path, folder: Path, given: Given
) -> Results:
    """sd-scripts in a process of its own environment; `folder` holds start.safetensors."""
    data = folder / "data" / f"{len(given.captions) * flags['train_batch_size']}_grey"
    data.mkdir(parents=True)
    Image.new("RGB", (64, 64), "grey").save(data / "grey.png")
    shutil.copytree(ROOT / "models" / "nano" / "tokenizer", folder / "tokenizer" / "openai_clip-vit-large-patch14")
    save_file(
        {name: torch.stack(getattr(given, name)) for name in ("latents", "noise", "timesteps")},
        folder / "inputs.safetensors",
    )
    settings = {
        "arguments": kohya_arguments(flags, base, folder),
        "captions": given.captions,
        "threads": arguments.threads,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    environment = {
        **os.environ, "PYTHONPATH": str(arguments.checkout.absolute()), "HF_HUB_OFFLINE": "1",
        "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": str(arguments.threads),
    }  # fmt: skip
    script = Path(__file__).with_name("train_parity_kohya.py")
    with (folder / "kohya.log").open("w") as log:
        command = [str(arguments.python), str(script), str(folder)]
        code = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode
    if code:
        sys.exit(f"sd-scripts ended with {code}:\n" + "\n".join((folder / "kohya.log").read_text().splitlines()[-30:]))
    tensors = load_file(folder / "outputs.safetensors")
    gradients = {name.removeprefix("gradient."): value for name, value in tensors.items() if name != "losses"}
    return Results(gradients, tensors["losses"].tolist(), load_file(folder / "kohya.safetensors"))


def both(tensors: dict[str, torch.Tensor], module: str) -> torch.Tensor:
    """Down and up of a module in one row, float64."""
    return torch.cat([tensors[f"{module}.lora_{part}.weight"].flatten().double() for part in ("down", "up")])


def factors(start: dict[str, torch.Tensor], end: dict[str, torch.Tensor], module: str) -> tuple[torch.Tensor, ...]:
    """The change of up times down as a product of two thin matrices, float64: (out, 2 rank) and (2 rank, in)."""
    (down_0, up_0), (down_1, up_1) = (
        [tensors[f"{module}.lora_{part}.weight"].double().flatten(1) for part in ("down", "up")]
        for tensors in (start, end)
    )
    return torch.cat([up_1, -up_0], dim=1), torch.cat([down_1, down_0])


def cosine_of_products(one: tuple[torch.Tensor, ...], two: tuple[torch.Tensor, ...]) -> float:
    """Cosine of two matrices, each given as two factors; <A B, C D> is the sum of (A^T C) * (B D^T)."""

    def inner(left: tuple[torch.Tensor, ...], right: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return ((left[0].T @ right[0]) * (left[1] @ right[1].T)).sum()

    return (inner(one, two) / (inner(one, one) * inner(two, two)).sqrt()).item()


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Relative L2; 0 where both are 0, infinite where one of them is not finite or theirs alone is 0."""
    if not (ours.isfinite().all() and theirs.isfinite().all()):
        return math.inf
    apart = (ours - theirs).norm()
    return (apart / theirs.norm()).item() if apart > 0 else 0.0


def compare(start: dict[str, torch.Tensor], ours: Results, theirs: Results) -> list[bool]:
    """Print the worst of each kind beside its bound."""
    names = sorted({name.partition(".")[0] for name in ours.gradients})
    same = set(ours.gradients) == set(theirs.gradients) and set(ours.weights) == set(theirs.weights)
    results = [check(f"the same {len(names)} modules", same and len(ours.losses) == len(theirs.losses))]
    apart = {name: distance(both(ours.gradients, name), both(theirs.gradients, name)) for name in names}
    for part in ("lora_unet", "lora_te"):
        some = {name: value for name, value in apart.items() if name.startswith(part)}
        if some:
            worst = max(some, key=lambda name: some[name])
            zero = sum(not both(theirs.gradients, name).any() for name in some)
            text = f"gradient of {len(some)} modules of {part}, {zero} of them 0: worst relative L2 {some[worst]:.1e}"
            results.append(check(f"{text}, {worst} (bound {GRADIENT:.0e})", some[worst] <= GRADIENT))
    differences = [abs(one - two) for one, two in zip(ours.losses, theirs.losses, strict=True)]
    step, most = max(enumerate(differences, 1), key=lambda pair: pair[1])
    text = (
        f"loss of {len(differences)} steps, {ours.losses[0]:.4f} to {ours.losses[-1]:.4f}: worst difference {most:.1e}"
    )
    results.append(check(f"{text}, step {step} (bound {LOSS:.0e})", most <= LOSS))
    of_both, of_product = {}, {}
    for name in names:
        own, other = (both(side.weights, name) - both(start, name) for side in (ours, theirs))
        of_both[name] = torch.nn.functional.cosine_similarity(own, other, dim=0).item()
        of_product[name] = cosine_of_products(*(factors(start, side.weights, name) for side in (ours, theirs)))
    for what, cosines in (("down and up", of_both), ("up times down", of_product)):
        worst = min(cosines, key=lambda name: cosines[name])
        text = f"update of {what} of {len(names)} modules: worst cosine {cosines[worst]:.9f}, {worst}"
        results.append(check(f"{text} (bound {UPDATE})", all(cosine >= UPDATE for cosine in cosines.values())))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="sd-scripts")
    parser.add_argument("--python", type=Path, required=True, help="of sd-scripts' environment")
    parser.add_argument("--base", type=Path, help="an SD1.5-size diffusers folder; of random weights when not given")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--side", type=int, default=8, help=SIDE)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="new folder for all files; a temporary one when not given")
    parser.add_argument("--train", nargs="*", default=[], metavar="KEY=VALUE", help="flags for both sides")
    arguments = parser.parse_args()
    changed = {key: yaml.safe_load(value) for key, _, value in (text.partition("=") for text in arguments.train)}
    if refused := sorted({*changed} & {*OURS}):
        parser.error(f"--train: {', '.join(refused)}: sd-scripts gets the batches that these make")
    flags = {**BOTH, **changed}
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = arguments.base or make_base(folder / "base")
        params = Train.model_validate({**OURS, **flags})
        base = load_base(path)
        start, given, ours = train_ours(base, params, arguments.side, arguments.steps)
        save_file(start, folder / "start.safetensors")
        del base
        gc.collect()
        theirs = train_kohya(arguments, flags, path, folder, given)
    sys.exit(0 if all(compare(start, ours, theirs)) else 1)


if __name__ == "__main__":
    main()
