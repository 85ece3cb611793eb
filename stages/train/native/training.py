"""The backend `native`: the course of a training, with its resume, epochs and checkpoints."""

import math
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sprite_lora.bases.autoencoder import external_vae
from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.sample_params import Sample
from sprite_lora.bases.whole import whole_base
from sprite_lora.core import machine
from sprite_lora.core.logs_params import Logs
from sprite_lora.core.params import Paths, load
from sprite_lora.core.precision import torch_dtype
from sprite_lora.core.record import versions
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.dataset.regularisation import folders, read_regularisation
from sprite_lora.kohya.metadata import Training, file_metadata
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.file import write_lora
from sprite_lora.lora.size import lora_bytes
from sprite_lora.lora.start import start_file
from stages.train import faults
from stages.train.log import RunLog, StepLog
from stages.train.native import needs
from stages.train.native.going_on import can_go_on, saved_metadata, take_over
from stages.train.native.gradients import add_gradients, side_by_side
from stages.train.native.inputs import make_plan, read_pictures
from stages.train.native.optimizer import described
from stages.train.native.previews import Previews
from stages.train.native.run import Run
from stages.train.record import checkpoint_names
from stages.train.state import State, unharmed

IN_EVERY_PROCESS = True
"""Each process of several trains on its share of the batches."""

PATIENCE = timedelta(days=7)
"""How long other processes wait for the first: it may have to wait for another trainer to end."""


def check(params: Train) -> None:
    """Raise SpriteLoraError for settings that this machine cannot do."""
    needs.check_device(params, machine.device())


def facts(params: Train) -> dict[str, Any]:
    """The versions of the libraries that compute."""
    return {"versions": versions()}


def train(params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], state: State) -> None:
    """Train, unless these inputs were trained already. The checkpoints are in the state folder then."""
    accelerator = make_accelerator()
    names = checkpoint_names(params, manifest, paths)
    rows = unharmed(lambda: state.finished(names), accelerator.is_main_process)
    accelerator.wait_for_everyone()
    if rows is None:
        train_on(params, paths, manifest, record, state, accelerator)
    elif accelerator.is_main_process:
        print(f"trained already: the checkpoints are in {state.folder}")
        StepLog(paths.reports / "train", rows)


def make_accelerator() -> Any:
    """The device, and what joins several processes. Autocast and fp16's scaler are `precision.Precision`."""
    from accelerate import Accelerator  # type: ignore[import-untyped]
    from accelerate.utils import InitProcessGroupKwargs  # type: ignore[import-untyped]

    machine.deterministic()
    on_cpu = machine.device().type == "cpu"
    patience = InitProcessGroupKwargs(timeout=PATIENCE)
    return Accelerator(mixed_precision="no", cpu=on_cpu, kwargs_handlers=[patience])


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
    used = needs.memory_used(params, manifest.resolution)
    with machine.explaining_memory(used, faults.MEMORY_KNOBS), faults.interruption() as interruption:
        run, metadata = prepare(params, paths, manifest, record, accelerator)
        if chief and (taken := take_over(state, record, params, metadata, run.plan.steps_per_epoch)):
            print(taken)
        accelerator.wait_for_everyone()
        saved = unharmed(state.load, chief)
        if saved and (lacking := state.lacking(due_names(run, saved[0].step))):
            if chief:
                print(f"begins anew: {lacking[0]}", flush=True)
            saved = None
        if saved:
            run.restore(*saved)
        if chief:
            check_room(run, state, paths.checkpoints)
            announce(run, resumed=saved is not None)
        accelerator.wait_for_everyone()
        if accelerator.device.type == "cuda":
            settle_determinism(run)
        steps = StepLog(paths.reports / "train", run.progress.rows) if chief else None
        previews = make_previews(manifest.resolution, paths.logs / "train" / record["fingerprint"])
        try:
            show(previews, run, interruption)
            for step in progress_bar(run, chief):
                skipped = run.skipped
                run.step(interruption)
                if chief and run.skipped > skipped:
                    tqdm.write(f"step {step}: a value overflowed in fp16, as now and then; the step is left out")
                if steps:
                    steps.add(step, run.progress.rows[-1])
                    save(run, state, metadata, record, step)
                show(previews, run, interruption)
        except faults.StopRequestedError as stop:
            if chief:
                state.save(run.progress, run.parts())
            faults.leave(stop, run.progress.step, chief)
        if chief:
            state.finish(run.progress, keep=can_go_on(params))
            log.end(run.progress.step)
        run.network.restore()


def prepare(
    params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], accelerator: Any
) -> tuple[Run, dict[str, str]]:
    """Base model, pictures and network, ready for the first step, and the checkpoints' metadata."""
    whole = whole_base(paths.base)
    base = load_base(whole, torch_dtype(params.mixed_precision), accelerator.device, paths.vae)
    pool = side_by_side(base, accelerator.device)
    regular = read_regularisation(paths.regularisation)
    pictures = read_pictures(base, manifest, paths.dataset, regular, params.prior_loss_weight, pool)
    base.vae.to("cpu")
    plan = make_plan(params, manifest, regular)
    run = Run(params, base, pictures, plan, manifest.resolution, accelerator, pool)
    start = start_file(paths.network_weights)
    if start is not None:
        run.network.start_from(start)
    optimizer = described(run.optimizer, params)
    named = base.family.metadata(params.v_parameterization)
    training = Training(
        base_keys=named,
        base=whole,
        optimizer=optimizer,
        batches_per_epoch=plan.batches_per_epoch,
        epochs=plan.begun_epochs,
        steps=plan.steps,
        regularisation=folders(regular),
        vae=external_vae(paths.vae),
    )
    return run, file_metadata(params, manifest, record, training)


def due_names(run: Run, step: int) -> list[str]:
    """File names of the checkpoints that were due by that step."""
    return [saved.name for saved in run.checkpoints.values() if saved.step <= step]


def settle_determinism(run: Run) -> None:
    """Compute one batch; where an operation has no deterministic kernel, say so and allow it for the whole run."""
    numbers = range(min(run.params.train_batch_size, len(run.pictures)))
    batch = run.batch([run.pictures[number] for number in numbers], run.progress.step)
    try:
        add_gradients(run.model, batch, run.precision.factor(1), run.pool)
    except RuntimeError as error:
        if "does not have a deterministic implementation" not in str(error):
            raise
        machine.deterministic(strict=False)
        print(f"two runs may differ in the last bits: {str(error).split('. ')[0]}", flush=True)
    run.optimizer.zero_grad(set_to_none=True)


def make_previews(resolution: int, folder: Path) -> Previews | None:
    """Pictures while it trains, if params.yaml asks for them."""
    logs = load(Logs)
    if logs.sample_every_n_epochs is None and not logs.sample_at_first:
        return None
    return Previews(logs, load(Sample), resolution, folder)


def show(previews: Previews | None, run: Run, interruption: faults.Interruption) -> None:
    """Draw pictures where they are wanted; only the main process does, and the others wait."""
    if previews and previews.wanted(run):
        if run.accelerator.is_main_process:
            previews.draw(run, interruption)
        run.accelerator.wait_for_everyone()


def announce(run: Run, resumed: bool) -> None:
    """Say what begins."""
    plan = run.plan
    if resumed:
        print(f"resuming after step {run.progress.step} of {plan.steps}")
    for message in needs.ignored_settings(run.params, run.base):
        print(f"ignored: {message}")
    print(f"{plan.begun_epochs} epochs of {plan.steps_per_epoch} steps on {run.accelerator.device}", flush=True)


def check_room(run: Run, state: State, out: Path) -> None:
    """Raise SpriteLoraError where the disk has no room for all that is still to be written."""
    names = [saved.name for saved in run.checkpoints.values()]
    weights = list(run.network.parameters())
    count = sum(weight.numel() for weight in weights)
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    tensors = lora_bytes(count, len(run.network.loras), run.params.file_precision)
    missing = sum(not (state.epochs / name).exists() for name in names)
    needed = needs.disk_needed(tensors, count, trained, len(names), missing)
    needs.check_disks(state.folder, out, *needed)


def save(run: Run, state: State, metadata: dict[str, str], record: dict[str, Any], step: int) -> None:
    """After a step: the checkpoint that is due, and the state to resume from, then and every so many steps."""
    params, per_epoch = run.params, run.plan.steps_per_epoch
    if step in run.checkpoints:
        dtype = torch_dtype(params.file_precision)
        tensors = {name: tensor.to(dtype) for name, tensor in run.network.file_tensors().items()}
        path = state.epochs / run.checkpoints[step].name
        faults.check_disk(state.folder, sum(tensor.nbytes for tensor in tensors.values()), path.name)
        write_lora(path, tensors, {**metadata, **saved_metadata(record, run.checkpoints[step], per_epoch)})
        state.keep(path)
    if step % per_epoch == 0 or step in run.checkpoints or step % params.save_state_every_n_steps == 0:
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
    losses = [row["loss"] for row in run.progress.rows[-run.plan.steps_per_epoch :] if "loss" in row]
    return sum(losses) / len(losses) if losses else math.nan
