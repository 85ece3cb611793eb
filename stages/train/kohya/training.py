"""The backend `kohya`: the course of a training by sd-scripts, with its resume, epochs and checkpoints.

It writes below the run's state folder; what it leaves is checked, gets our record and moves to `epochs/`.
"""

import math
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from sprite_lora.bases.autoencoder import external_vae, vae_folder
from sprite_lora.bases.registry import family_of
from sprite_lora.bases.weights import require_plain, require_plain_part
from sprite_lora.bases.whole import whole_base
from sprite_lora.core import machine
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.core.logs_params import Logs
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.dataset.regularisation import read_regularisation
from sprite_lora.kohya.sd_scripts import FILES, script
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import counts_steps, epoch_of, run_steps
from sprite_lora.lora.size import lora_bytes, lora_parameters, lora_targets
from sprite_lora.lora.start import start_file
from stages.train import faults
from stages.train.kohya import checkout
from stages.train.kohya.command import Place, arguments, check_flags, flags, launch
from stages.train.kohya.events import Follower
from stages.train.kohya.leftovers import Leftovers
from stages.train.kohya.process import alone, environment, follow, last_lines
from stages.train.kohya.tokenizers import write_tokenizers
from stages.train.log import RunLog, StepLog
from stages.train.record import checkpoint_names, steps_per_epoch
from stages.train.state import Progress, State, unharmed

IN_EVERY_PROCESS = False
"""`accelerate launch` starts the processes."""

PAST_OVERFLOW = 20
"""Losses in a row that may be no numbers under fp16, whose gradient scaler leaves such steps out; else none may."""

STATES = 2 * 3 * 4
"""Bytes per trained weight in the states: two of them for a moment, of float32 weights and two moments each."""


def check(params: Train) -> None:
    """Raise SpriteLoraError for settings that this machine cannot do."""
    checkout.find()
    cases = [
        (params.mixed_precision == "fp16", "mixed_precision: fp16", "'no', or bf16"),
        (params.xformers, "xformers: true", "sdpa: true"),
        (params.optimizer_type == "AdamW8bit", "optimizer_type: AdamW8bit", "AdamW"),
        (params.num_processes > 1, f"num_processes: {params.num_processes}", "1"),
    ]
    for used, what, instead in cases:
        if used and machine.device().type != "cuda":
            raise SpriteLoraError(f"train.{what} needs a CUDA GPU, and this machine has none", f"here: {instead}")


def facts(params: Train) -> dict[str, Any]:
    """The sd-scripts that runs, what it computes with, and the files that flags name."""
    named = {name: value for name in FILES if (value := params.kohya_args.get(name))}
    files = [path for value in named.values() for path in (value if isinstance(value, list | tuple) else [value])]
    return {
        "versions": checkout.find().versions(),
        **({"files": {path: _hash(path) for path in files}} if files else {}),
    }


def train(params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], state: State) -> None:
    """Train, unless these inputs were trained already. The checkpoints are in the state folder then."""
    names = checkpoint_names(params, manifest, paths)
    rows = unharmed(lambda: state.finished(names), talks=True)
    if rows is not None:
        print(f"trained already: the checkpoints are in {state.folder}")
        StepLog(paths.reports / "train", rows)
        return
    paths = paths.model_copy(update={"base": whole_base(paths.base)})
    check_models(paths)
    found = checkout.find()
    run = Run(params, paths, manifest, record, state, found.tag)
    check_flags(run.flags, run.place.family, found.tag)
    state.begin(record)
    log = RunLog(paths.logs / "train" / f"{record['fingerprint']}.json", machine.device())
    log.write()
    with alone(run.left.lock()) as lock, faults.interruption() as interruption:
        run.recover()
        if not run.left.is_whole():
            check_room(params, paths, state, names)
            run.go_on(found, lock, interruption)
    rows = run.rows()
    state.finish(Progress(step=len(rows), rows=rows), keep=False)
    run.left.remove()
    log.end(len(rows))


def check_models(paths: Paths) -> None:
    """Raise SpriteLoraError for folders in which diffusers, as sd-scripts calls it, would read more than weights."""
    if paths.base.is_dir():
        encoders = [encoder.folder for encoder in family_of(paths.base).text_encoders]
        require_plain(paths.base, [*encoders, "unet", "vae"])
    external = external_vae(paths.vae)
    if external and external.is_dir():
        require_plain_part(vae_folder(external), "diffusion_pytorch_model")


class Run:
    """One run, perhaps in several attempts."""

    def __init__(
        self, params: Train, paths: Paths, manifest: Manifest, record: dict[str, Any], state: State, tag: str
    ) -> None:
        regular = read_regularisation(paths.regularisation)
        self.params, self._paths = params, paths
        self.steps_per_epoch = steps_per_epoch(params, manifest, regular)
        self.steps = run_steps(params, self.steps_per_epoch)
        self.left = Leftovers(state, params, record, self.steps_per_epoch)
        self.place = Place(
            base=paths.base.absolute(),
            family=family_of(paths.base).name,
            dataset=paths.dataset.absolute(),
            resolution=manifest.resolution,
            regularisation=paths.regularisation.absolute() if regular else None,
            vae=vae.absolute() if (vae := external_vae(paths.vae)) else None,
            network_weights=start.absolute() if (start := start_file(paths.network_weights)) else None,
            output=self.left.output.absolute(),
            tokenizers=self.left.tokenizers.absolute(),
            logs=self.left.events.absolute(),
        )
        self.flags = flags(params, self.place, tag)
        self._log = paths.logs / "train" / f"{record['fingerprint']}.kohya.log"
        self._steps: StepLog | None = None
        self._rows: list[dict[str, float]] = []
        self._not_finite = 0

    def recover(self) -> None:
        """Take over what an earlier attempt finished, and drop what it began."""
        self.left.take(settled=True)
        whole = self.left.is_whole()
        epoch = 0 if whole else self.left.drop_unfinished()
        self._rows = self.left.earlier_rows(None if whole else epoch)
        self._steps = StepLog(self._paths.reports / "train", self._rows)
        if epoch:
            self.flags |= {"resume": self.left.state_of(epoch).absolute(), "initial_step": epoch * self.steps_per_epoch}

    def go_on(self, found: checkout.Checkout, lock: int, interruption: faults.Interruption) -> None:
        """Run sd-scripts to its end. Raises SpriteLoraError where it fails; leaves where a signal came."""
        write_tokenizers(self.left.tokenizers)
        events = self.left.begin(len(self._rows) // self.steps_per_epoch)
        self.flags["logging_dir"] = events.absolute()
        follower = Follower(events)
        cuda = machine.device().type == "cuda"
        command = [
            str(found.python),
            *launch(self.params.num_processes, self.params.mixed_precision, cuda, machine.cores()),
            str(found.folder / script(self.place.family)),
            *arguments(self.flags),
        ]
        self.announce(found.tag, command)
        done = list(self._rows)

        def look() -> None:
            self._note(done + follower.rows())
            self.left.take(settled=False)

        code = follow(command, environment(found.folder, self._paths.caches), self._log, lock, interruption, look)
        self._note(done + follower.end())
        self.left.take(settled=True)
        if interruption.number:
            self.leave(interruption.number)
        if code or not self.left.is_whole():
            raise self.failure(code)

    def failure(self, code: int) -> SpriteLoraError:
        """What is said where sd-scripts failed."""
        what = f"sd-scripts ended with exit code {code}" if code else "sd-scripts left no checkpoint of each epoch"
        said = last_lines(self._log)
        knobs = f"in order of effect: {'; '.join(faults.MEMORY_KNOBS)}\n     " if "out of memory" in said else ""
        return SpriteLoraError(
            f"{what}; its last lines:\n{said}",
            f"{knobs}all that it said: {self._log}; finished epochs are kept, the same command goes on after them",
        )

    def rows(self) -> list[dict[str, float]]:
        """Loss and rates of each done step."""
        return self._rows

    def announce(self, tag: str, command: list[str]) -> None:
        """Say what begins, and what is not exact about it."""
        params, epochs = self.params, epoch_of(self.steps, self.steps_per_epoch)
        print(f"sd-scripts {tag}: {epochs} epochs of {self.steps_per_epoch} steps; its log: {self._log}")
        print(shlex.join(command))
        if counts_steps(params):
            print("no state is saved: a run that counts steps begins anew where it is stopped")
        else:
            print(
                "ignored: train.save_state_every_n_steps: sd-scripts saves its state where an epoch leaves a checkpoint"
            )
        logs = load(Logs)
        if logs.sample_every_n_epochs or logs.sample_at_first:
            print("ignored: logs.sample_every_n_epochs, logs.sample_at_first: the native trainer alone draws meanwhile")
        if "resume" in self.flags:
            epoch = len(self._rows) // self.steps_per_epoch
            print(f"resuming after epoch {epoch} of {epochs}, from sd-scripts' state of it")
            for reason in inexact(self.flags, params.num_processes):
                print(f"not exact: {reason}")
        sys.stdout.flush()

    def leave(self, number: int) -> NoReturn:
        """End the process as one that the signal ended."""
        epoch = self.left.last_state()
        where = f"after epoch {epoch}" if epoch else "from the start: no state was saved yet"
        stopped = f"{signal.Signals(number).name}: stopped after step {len(self._rows)}"
        print(f"{stopped}; the same command goes on {where}", file=sys.stderr)
        sys.exit(128 + number)

    def _note(self, rows: list[dict[str, float]]) -> None:
        """Log the rows that are new; raise SpriteLoraError where losses are no numbers any more."""
        assert self._steps is not None
        every = max(1, self.steps // 20)
        for step, row in enumerate(rows[len(self._rows) :], start=len(self._rows) + 1):
            self._rows.append(row)
            self._steps.add(step, row)
            if not sys.stdout.isatty() and (step % every == 0 or step == self.steps):
                print(f"step {step}/{self.steps}  loss {row['loss']:.4f}", flush=True)
            self._not_finite = 0 if math.isfinite(row["loss"]) else self._not_finite + 1
            if self._not_finite > (PAST_OVERFLOW if self.params.mixed_precision == "fp16" else 0):
                raise SpriteLoraError(
                    f"loss is {row['loss']} at step {step}: sd-scripts was stopped",
                    "try learning rates ten times lower, mixed_precision bf16 or 'no', lr_warmup_steps 0.05; "
                    "finished epochs are kept in the state folder",
                )


def inexact(given: Mapping[str, Any], processes: int) -> list[str]:
    """What a run that goes on does otherwise than an undisturbed one, in words.

    Source: `train` of train_network.py, `set_current_epoch` and `shuffle_buckets` of library/train_util.py. A loader
    switches to its epoch's order of pictures behind its first batch: loaders that are made anew for each epoch all
    begin with the first epoch's, those that live on do so in a run that goes on alone.
    """
    live_on = given["max_data_loader_n_workers"] == 0 or "persistent_data_loader_workers" in given
    cases = [
        (live_on, "the first batch comes from the first epoch's order of pictures: loaders would have lived on"),
        (
            processes > 1,
            "random numbers of all processes but the first begin anew: sd-scripts saves those of the first",
        ),
        (True, "ss_steps of the files that follow, and sd-scripts' avr_loss, count from here"),
    ]
    return [words for applies, words in cases if applies]


def check_room(params: Train, paths: Paths, state: State, names: list[str]) -> None:
    """Raise SpriteLoraError where the disk has no room for what kohya's own LoRA network would write."""
    count, modules = lora_parameters(
        lora_targets(paths.base), params.network_dim, params.rank_of_convolutions,
        params.network_train_unet_only, params.network_train_text_encoder_only,
    )  # fmt: skip
    size = lora_bytes(count, modules, params.save_precision)
    missing = sum(not (state.epochs / name).exists() for name in names)
    faults.check_disk(state.folder, (missing + 1) * size + STATES * count, "the training's state")


def _hash(path: str) -> str:
    try:
        return sha256(Path(path))
    except OSError as error:
        raise SpriteLoraError(f"train.kohya_args names {path}, which cannot be read: {error.strerror}") from None
