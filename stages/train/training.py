"""The course of a training: lock, resume, epochs, checkpoints, publishing."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from stages import machine
from stages.base_model import load_base
from stages.checkpoint import checkpoint_files, file_name
from stages.dataset import Manifest, read_manifest
from stages.lora_file import write_lora
from stages.params import Paths, load
from stages.train import faults
from stages.train.gradients import side_by_side
from stages.train.inputs import make_plan, read_pictures, run_record
from stages.train.log import RunLog
from stages.train.metadata import epoch_metadata, file_metadata
from stages.train.optimizer import described
from stages.train.params import Train
from stages.train.plots import StepLog
from stages.train.run import Run
from stages.train.state import State, only_trainer

DTYPES = {"no": torch.float32, "float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def main() -> None:
    """The stage."""
    params, paths = load(Train), load(Paths)
    manifest = read_manifest(paths.dataset)
    record = run_record(params, manifest, paths)
    names = checkpoint_names(params)
    states = paths.state / "train"
    with only_trainer(states, record["fingerprint"]):
        state = State(states / record["fingerprint"])
        rows = state.finished(names)
        if rows is None:
            train(params, paths, manifest, record, state)
        else:
            print(f"trained already: {state.folder}")
            StepLog(paths.reports / "train", rows)
        state.publish(names, paths.checkpoints)
    print(f"{len(names)} checkpoints in {paths.checkpoints}")


def checkpoint_names(params: Train) -> list[str]:
    """File names of all checkpoints that the run leaves."""
    files = checkpoint_files(Path(), params.output_name, params.max_train_epochs, params.save_every_n_epochs)
    return [path.name for path in files.values()]


def train(params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], state: State) -> None:
    """Train from the last saved state, or from the start, to the end."""
    from accelerate import Accelerator  # type: ignore[import-untyped]

    machine.deterministic()
    accelerator = Accelerator(mixed_precision=params.mixed_precision, cpu=machine.device().type == "cpu")
    state.begin(record)
    log = RunLog(paths.logs / "train" / f"{record['fingerprint']}.json", accelerator.device)
    with faults.explaining_memory(params, manifest.resolution), faults.interruption() as interruption:
        base = load_base(paths.base, DTYPES[params.mixed_precision], accelerator.device)
        pool = side_by_side(base, accelerator.device)
        pictures = read_pictures(base, manifest, paths.dataset, pool)
        base.vae.to("cpu")
        plan = make_plan(params, manifest)
        run = Run(params, base, pictures, plan, manifest.resolution, accelerator, pool)
        metadata = file_metadata(
            params, manifest, plan, record, base.family, paths.base, described(run.optimizer, params), {}
        )
        saved = state.load()
        if saved:
            run.restore(*saved)
            print(f"resuming after step {run.progress.step} of {plan.steps}")
        steps = StepLog(paths.reports / "train", run.progress.rows)
        try:
            for step in progress_bar(run, plan.steps):
                run.step(interruption)
                steps.add(step, run.progress.rows[-1])
                epoch_ends = step % plan.steps_per_epoch == 0
                if epoch_ends:
                    save_epoch(run, state, metadata, record, step // plan.steps_per_epoch)
                if epoch_ends or step % params.save_state_every_n_steps == 0:
                    state.save(run.progress, run.parts())
        except faults.StopRequestedError as stop:
            state.save(run.progress, run.parts())
            faults.leave(stop, run.progress.step)
        state.finish(run.progress)
    log.end(run.progress.step)


def progress_bar(run: Run, steps: int) -> Iterator[int]:
    """Numbers of the steps to do, from 1, with a bar on a terminal and a line now and then in a log."""
    first = run.progress.step + 1
    numbers = range(first, steps + 1)
    bar = tqdm(numbers, initial=first - 1, total=steps, desc="training", unit="step", disable=None)
    every = max(1, steps // 20)
    start = time.monotonic()
    for step in bar:
        yield step
        bar.set_postfix(loss=f"{average_loss(run):.4f}")
        if bar.disable and (step % every == 0 or step == steps):
            pace = (time.monotonic() - start) / (step - first + 1)
            left = pace * (steps - step)
            print(
                f"step {step}/{steps}  loss {average_loss(run):.4f}  {pace:.2f} s/step  {left:.0f} s left", flush=True
            )


def average_loss(run: Run) -> float:
    """Mean loss of the last epoch's worth of steps (kohya's `loss/average`)."""
    rows = run.progress.rows[-run.plan.steps_per_epoch :]
    return sum(row["loss"] for row in rows) / len(rows)


def save_epoch(run: Run, state: State, metadata: dict[str, str], record: dict[str, Any], epoch: int) -> None:
    """Write the epoch's checkpoint into the state, where the params ask for one."""
    params = run.params
    last = epoch == params.max_train_epochs
    if not last and epoch % params.save_every_n_epochs:
        return
    tensors = {
        name: tensor.to(DTYPES[params.save_precision or "float"]) for name, tensor in run.network.state_dict().items()
    }
    path = state.epochs / file_name(params.output_name, epoch, params.max_train_epochs)
    write_lora(path, tensors, {**metadata, **epoch_metadata(record, epoch, run.progress.step)})
