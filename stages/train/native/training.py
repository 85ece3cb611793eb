"""The backend `native`: the course of a training, with its resume, epochs and checkpoints."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sprite_lora.bases.autoencoder import external_vae
from sprite_lora.bases.base_model import load_base
from sprite_lora.core import machine
from sprite_lora.core.params import Paths
from sprite_lora.core.precision import torch_dtype
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.dataset.regularisation import folders, read_regularisation
from sprite_lora.kohya.metadata import Training, epoch_metadata, file_metadata
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import file_name
from sprite_lora.lora.file import write_lora
from sprite_lora.lora.size import lora_bytes
from stages.train import faults
from stages.train.log import RunLog, StepLog
from stages.train.native import needs
from stages.train.native.gradients import side_by_side
from stages.train.native.inputs import make_plan, read_pictures
from stages.train.native.optimizer import described
from stages.train.native.run import Run
from stages.train.record import checkpoint_names
from stages.train.state import State

PATIENCE = timedelta(days=7)
"""How long other processes wait for the first: it may have to wait for another trainer to end."""


def check(params: Train) -> None:
    """Raise SpriteLoraError for settings that this machine cannot do."""
    needs.check_device(params, machine.device())


def train(params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], state: State) -> None:
    """Train, unless these inputs were trained already. The checkpoints are in the state folder then."""
    accelerator = make_accelerator(params.mixed_precision)
    rows = state.finished(checkpoint_names(params))
    accelerator.wait_for_everyone()
    if rows is None:
        train_on(params, paths, manifest, record, state, accelerator)
    elif accelerator.is_main_process:
        print(f"trained already: the checkpoints are in {state.folder}")
        StepLog(paths.reports / "train", rows)


def make_accelerator(mixed_precision: str) -> Any:
    """Device, autocast, fp16's gradient scaler, and what joins several processes."""
    from accelerate import Accelerator  # type: ignore[import-untyped]
    from accelerate.utils import InitProcessGroupKwargs  # type: ignore[import-untyped]

    machine.deterministic()
    on_cpu = machine.device().type == "cpu"
    patience = InitProcessGroupKwargs(timeout=PATIENCE)
    return Accelerator(mixed_precision=mixed_precision, cpu=on_cpu, kwargs_handlers=[patience])


def train_on(
    params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], state: State, accelerator: Any
) -> None:
    """Train from the last saved state, or from the start, to the end. Only the main process writes and talks."""
    chief = accelerator.is_main_process
    needs.check_device(params, accelerator.device)
    log = RunLog(paths.logs / "train" / f"{record['fingerprint']}.json", accelerator.device)
    if chief:
        state.begin(record)
        log.write()
    with faults.explaining_memory(params, manifest.resolution), faults.interruption() as interruption:
        run, metadata = prepare(params, paths, manifest, record, accelerator)
        saved = state.load()
        if saved:
            run.restore(*saved)
        if chief:
            check_room(run, state, paths.checkpoints)
            announce(run, resumed=saved is not None)
        accelerator.wait_for_everyone()
        steps = StepLog(paths.reports / "train", run.progress.rows) if chief else None
        try:
            for step in progress_bar(run, chief):
                run.step(interruption)
                if steps:
                    steps.add(step, run.progress.rows[-1])
                    save(run, state, metadata, record, step)
        except faults.StopRequestedError as stop:
            if chief:
                state.save(run.progress, run.parts())
            faults.leave(stop, run.progress.step, chief)
        if chief:
            state.finish(run.progress)
            log.end(run.progress.step)
        run.network.restore()


def prepare(
    params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], accelerator: Any
) -> tuple[Run, dict[str, str]]:
    """Base model, pictures and network, ready for the first step, and the checkpoints' metadata."""
    base = load_base(paths.base, torch_dtype(params.mixed_precision), accelerator.device, paths.vae)
    pool = side_by_side(base, accelerator.device)
    regular = read_regularisation(paths.regularisation)
    pictures = read_pictures(base, manifest, paths.dataset, regular, params.prior_loss_weight, pool)
    base.vae.to("cpu")
    plan = make_plan(params, manifest, regular)
    run = Run(params, base, pictures, plan, manifest.resolution, accelerator, pool)
    optimizer = described(run.optimizer, params)
    named = base.family.metadata(params.v_parameterization)
    vae = external_vae(paths.vae)
    training = Training(named, paths.base, optimizer, plan.batches_per_epoch, plan.steps, folders(regular), vae)
    return run, file_metadata(params, manifest, record, training)


def announce(run: Run, resumed: bool) -> None:
    """Say what begins."""
    plan = run.plan
    if resumed:
        print(f"resuming after step {run.progress.step} of {plan.steps}")
    for message in needs.ignored_settings(run.params, run.base):
        print(f"ignored: {message}")
    print(f"{plan.epochs} epochs of {plan.steps_per_epoch} steps on {run.accelerator.device}", flush=True)


def check_room(run: Run, state: State, out: Path) -> None:
    """Raise SpriteLoraError where the disk has no room for all that is still to be written."""
    names = checkpoint_names(run.params)
    weights = list(run.network.parameters())
    count = sum(weight.numel() for weight in weights)
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    tensors = lora_bytes(count, len(run.network.loras), run.params.file_precision)
    missing = sum(not (state.epochs / name).exists() for name in names)
    needed = needs.disk_needed(tensors, count, trained, len(names), missing)
    needs.check_disks(state.folder, out, *needed)


def save(run: Run, state: State, metadata: dict[str, str], record: dict[str, Any], step: int) -> None:
    """After a step: the checkpoint where an epoch ends, and the state to resume from every so many steps."""
    params, per_epoch = run.params, run.plan.steps_per_epoch
    epoch, over = divmod(step, per_epoch)
    if not over and (epoch % params.save_every_n_epochs == 0 or epoch == params.max_train_epochs):
        dtype = torch_dtype(params.file_precision)
        tensors = {name: tensor.to(dtype) for name, tensor in run.network.state_dict().items()}
        path = state.epochs / file_name(params.output_name, epoch, params.max_train_epochs)
        faults.check_disk(state.folder, sum(tensor.nbytes for tensor in tensors.values()), path.name)
        write_lora(path, tensors, {**metadata, **epoch_metadata(record, epoch, step)})
    if not over or step % params.save_state_every_n_steps == 0:
        faults.check_disk(state.folder, 3 * sum(weight.nbytes for weight in run.network.parameters()), "the state")
        state.save(run.progress, run.parts())


def progress_bar(run: Run, chief: bool) -> Iterator[int]:
    """Numbers of the steps to do, from 1, with a bar on a terminal and a line now and then in a log."""
    first, steps = run.progress.step + 1, run.plan.steps
    disable = None if chief else True
    bar = tqdm(range(first, steps + 1), initial=first - 1, total=steps, desc="training", unit="step", disable=disable)
    every = max(1, steps // 20)
    start = time.monotonic()
    for step in bar:
        yield step
        loss = f"{average_loss(run):.4f}"
        bar.set_postfix(loss=loss)
        if chief and bar.disable and (step % every == 0 or step == steps):
            pace = (time.monotonic() - start) / (step - first + 1)
            print(
                f"step {step}/{steps}  loss {loss}  {pace:.2f} s/step  {pace * (steps - step):.0f} s left", flush=True
            )


def average_loss(run: Run) -> float:
    """Mean loss of the last epoch's worth of steps (kohya's `loss/average`)."""
    rows = run.progress.rows[-run.plan.steps_per_epoch :]
    return sum(row["loss"] for row in rows) / len(rows)
