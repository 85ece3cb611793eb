"""Train the LoRA: checkpoints as it goes, each carrying what made it.

Reads params.yaml (train), outputs/dataset/ (manifest, pictures), regularisation/, the base model.
Writes outputs/checkpoints/<output_name>-000001.safetensors ... <output_name>.safetensors (the last epoch) and
reports/train/ (loss and learning rates per step); what it resumes from in state/train/<fingerprint>/;
clock, device and Git commit in logs/train/<fingerprint>.json.

    python -m stages.train                 train, or go on where a killed run was, to the same bytes
    python -m stages.train --list-state    what lies in state/train/
    python -m stages.train --prune-state   remove there what belongs to other inputs than the present ones
"""

import argparse
import sys
from contextlib import nullcontext

from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.params import Paths, load
from sprite_lora.core.starter import require_starter
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.backends import load_backend
from sprite_lora.kohya.train_params import Train
from stages.train.launch import is_chief, is_launched, launch
from stages.train.record import checkpoint_names, run_record
from stages.train.state import State, listed, only_trainer, prune


def main() -> None:
    """The stage, or one of the two commands on its state."""
    arguments = parse(sys.argv[1:])
    params, paths = load(Train), load(Paths)
    states = paths.state / "train"
    if arguments.list_state:
        print(listed(states))
    elif arguments.prune_state:
        fingerprint = present_fingerprint(params, paths)
        with only_trainer(states, fingerprint):
            print(prune(states, fingerprint))
    elif params.num_processes > 1 and load_backend(params.backend).IN_EVERY_PROCESS and not is_launched():
        launch(params.num_processes)
    else:
        run_training(params, paths)


def run_training(params: Train, paths: Paths) -> None:
    """Have the backend train, and publish the checkpoints to the stage's output."""
    require_starter()
    backend = load_backend(params.backend)
    backend.check(params)
    manifest = read_manifest(paths.dataset)
    record = run_record(params, manifest, paths)
    fingerprint, names = record["fingerprint"], checkpoint_names(params, manifest, paths)
    state = State(paths.state / "train" / fingerprint)
    with only_trainer(paths.state / "train", fingerprint) if is_chief() else nullcontext():
        backend.train(params, paths, manifest, record, state)
        if is_chief():
            if present_fingerprint(load(Train), load(Paths)) != fingerprint:
                changed = "params, dataset, base model or code changed while it trained"
                raise SpriteLoraError(f"{changed}; the checkpoints stay in {state.epochs}", "again: dvc repro")
            require_starter()
            state.publish(names, paths.checkpoints)
            print(f"{len(names)} checkpoints in {paths.checkpoints}")


def present_fingerprint(params: Train, paths: Paths) -> str:
    """The fingerprint of the inputs as they lie there now."""
    fingerprint: str = run_record(params, read_manifest(paths.dataset), paths)["fingerprint"]
    return fingerprint


def parse(arguments: list[str]) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.train", description="Train the LoRA.")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--list-state", action="store_true", help="list what lies in state/train/")
    either.add_argument("--prune-state", action="store_true", help="remove what belongs to other inputs than now")
    return parser.parse_args(arguments)


def main_of_process() -> None:
    """`main`; of several processes one tells the person what is wrong."""
    try:
        main()
    except SpriteLoraError:
        if is_chief():
            raise
        sys.exit(1)


if __name__ == "__main__":
    run_stage(main_of_process)
