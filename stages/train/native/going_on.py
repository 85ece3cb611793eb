"""Going on from an earlier run that was the same but for a smaller `max_train_epochs`: its epochs are this run's first.

Only where no rate hangs on the number of steps. The files are those of a run that was planned so long: the weights of
the earlier epochs are taken over, and their metadata is written anew.
"""

import json
from typing import Any

from sprite_lora.kohya.metadata import epoch_metadata
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import file_name, saved_epochs
from sprite_lora.lora.file import read_tensors, write_lora
from stages.train.state import State, states


def can_go_on(params: Train) -> bool:
    """Whether each step is the same however many follow."""
    if params.lr_scheduler == "constant_with_warmup":
        return not 0 < params.lr_warmup_steps < 1
    return params.lr_scheduler in ("constant", "adafactor")


def shorter_run(state: State, record: dict[str, Any]) -> tuple[int, State] | None:
    """`max_train_epochs` and state of the longest of the runs that this one goes on from; None where there is none."""
    found: list[tuple[int, State]] = []
    for folder in states(state.folder.parent):
        other = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        if "params" not in other or _without_length(other) != _without_length(record):
            continue
        epochs = other["params"]["max_train_epochs"]
        if epochs < record["params"]["max_train_epochs"] and State(folder).resume.is_file():
            found.append((epochs, State(folder)))
    return max(found, key=lambda one: one[0], default=None)


def take_over(
    state: State, record: dict[str, Any], params: Train, metadata: dict[str, str], steps_per_epoch: int
) -> str | None:
    """Make an earlier run's state this run's, unless there is one already. Returns what was taken over, in words."""
    if state.resume.exists() or not can_go_on(params):
        return None
    shorter = shorter_run(state, record)
    if shorter is None:
        return None
    epochs, other = shorter
    loaded = other.load()
    assert loaded is not None
    progress, parts = loaded
    done = [
        epoch
        for epoch in saved_epochs(params.max_train_epochs, params.save_every_n_epochs)
        if epoch * steps_per_epoch <= progress.step
    ]
    files = {epoch: other.epochs / file_name(params.output_name, epoch, epochs) for epoch in done}
    if not all(path.is_file() for path in files.values()):
        return None
    for epoch, path in files.items():
        stamp = epoch_metadata(record, epoch, epoch * steps_per_epoch)
        target = state.epochs / file_name(params.output_name, epoch, params.max_train_epochs)
        write_lora(target, read_tensors(path), {**metadata, **stamp})
    state.save(progress, parts)
    return f"going on from a run of {epochs} epochs that was the same otherwise"


def _without_length(record: dict[str, Any]) -> dict[str, Any]:
    params = {key: value for key, value in record["params"].items() if key != "max_train_epochs"}
    return {**{key: value for key, value in record.items() if key != "fingerprint"}, "params": params}
