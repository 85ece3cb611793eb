"""Draw the fixed prompts with epochs of a LoRA; epoch 0 is the untouched base.

Reads   params.yaml (paths, sample, train), the base model, paths.dataset/manifest.json (resolution), paths.checkpoints
Writes  paths.samples/epoch-NN/<prompt>.png, with several seeds <prompt>.<seed>.png, each with the record of what made
        it; copies below paths.state until the last shard has finished
Command python -m stages.sample --epochs 0,1,2     (all saved epochs without --epochs)

`snakemake --cores 1 sample_epoch` calls this once per shard of epochs: loading the base costs more than drawing.

It draws on a CUDA GPU where torch sees one, in train.mixed_precision, one picture after the other; else on the CPU in
float32, with one thread per picture and as many pictures at once as the process may use cores (whatever OMP_NUM_THREADS
says; Snakemake exports 1). Noise comes from a CPU generator started with the seed for each picture by itself. So
neither order, company, shards nor the number of cores change a byte of a picture.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from sprite_lora.bases.autoencoder import vae_hash
from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core import machine
from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.header import read_header
from sprite_lora.core.params import Paths, load
from sprite_lora.core.precision import torch_dtype
from sprite_lora.core.record import base_hash
from sprite_lora.core.starter import require_starter
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.epochs import Epoch, epoch_folder
from sprite_lora.lora.file import read_record, sound_hash
from stages.sample.drawing_lock import drawing
from stages.sample.epoch import Checkpoint, Setup, draw_epoch, require_short_prompts, require_still_there
from stages.sample.kept import Kept, kept_folder
from stages.sample.shards import chosen_epochs, require_checkpoints, run_checkpoints


def main() -> None:
    arguments = parse(sys.argv[1:])
    require_starter()
    paths, sample, train = load(Paths), load(SampleSeeds), load(Train)
    files = run_checkpoints(paths, train)
    epochs = chosen_epochs(files, arguments.epochs)
    require_checkpoints(files, epochs)
    resolution = read_manifest(paths.dataset).resolution
    checkpoints = [checkpoint(epoch, files.get(epoch)) for epoch in epochs]
    with drawing(paths.state, epochs):
        setup = set_up(paths, sample, train, resolution, arguments.shard)
        if arguments.keep:
            device = setup.base.unet.device
            kind = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
            conditions = (arguments.keep, kind, str(setup.base.unet.dtype), torch.__version__)
            setup = replace(setup, kept=Kept(kept_folder(paths.state), conditions))
        at_once = 1 if setup.base.unet.device.type == "cuda" else machine.cores()
        drawn: list[Path] = []
        for one in checkpoints:
            require_still_there(drawn)
            started = time.monotonic()
            folder = epoch_folder(paths.samples, one.epoch)
            drawn += draw_epoch(setup, one, folder, at_once)
            print(f"{folder}: {len(sample.pictures)} pictures in {time.monotonic() - started:.1f} s", flush=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stages.sample", description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", help="which epochs, such as 0,1,2; all saved ones and the base when not given")
    parser.add_argument(
        "--shard", type=int, default=0, help="number of this process; on a machine with several GPUs, its GPU"
    )
    parser.add_argument(
        "--keep", metavar="CODE", help="keep pictures for a process that draws them after this one; a hash of the code"
    )
    return parser.parse_args(arguments)


def set_up(paths: Paths, sample: SampleSeeds, train: Train, resolution: int, shard: int) -> Setup:
    """Load the base model and say on what it draws."""
    started = time.monotonic()
    machine.deterministic()
    torch.set_num_threads(1)
    device = machine.device()
    if device.type == "cuda":
        device = torch.device("cuda", shard % torch.cuda.device_count())
    on_gpu = torch_dtype(train.mixed_precision)
    dtype = on_gpu if device.type == "cuda" else torch.float32
    setup = Setup(
        base=load_base(paths.base, dtype, device, paths.vae),
        base_name=paths.base.stem,
        base_hash=base_hash(paths.base),
        vae_hash=vae_hash(paths.vae),
        sample=sample,
        resolution=resolution,
        max_token_length=train.max_token_length,
        clip_skip=train.clip_skip,
        v_prediction=train.v_parameterization,
        zero_terminal_snr=train.zero_terminal_snr,
    )
    require_short_prompts(setup)
    where = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"the CPU, {machine.cores()} pictures at once,"
    )
    print(f"{paths.base} loaded in {time.monotonic() - started:.1f} s; drawing on {where} in {dtype}", flush=True)
    return setup


def checkpoint(epoch: Epoch, path: Path | None) -> Checkpoint:
    """What is drawn with: a LoRA file, or nothing for epoch 0. Raises SpriteLoraError where it is damaged."""
    if path is None:
        return Checkpoint(epoch)
    found = sound_hash(path)
    if "sshs_model_hash" not in read_header(path).metadata:
        print(f"{path} states no sshs_model_hash: nothing shows whether it is whole")
    record = read_record(path) or {}
    if record.get("epoch", epoch) != epoch:
        raise SpriteLoraError(f"{path} is the checkpoint of epoch {record['epoch']}, not {epoch}", "dvc repro -f train")
    return Checkpoint(epoch, path, found, record.get("fingerprint"))


if __name__ == "__main__":
    run_stage(main)
