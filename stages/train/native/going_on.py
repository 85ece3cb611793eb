"""Going on from an earlier run that was the same but for a smaller `max_train_epochs`: its epochs are this run's first.

Only where no rate hangs on the number of steps. The files are those of a run that was planned so long: the weights of
the earlier epochs are taken over, and their metadata is written anew.
"""

from typing import Any

from sprite_lora.kohya.metadata import epoch_metadata
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import Saved, epoch_of, saved_checkpoints
from sprite_lora.lora.file import read_tensors, write_lora
from stages.train.state import State, states, unharmed


def can_go_on(params: Train) -> bool:
    """Whether each step is the same however many follow, in a run that counts epochs."""
    if params.max_train_epochs is None:
        return False
    if params.lr_scheduler == "constant_with_warmup":
        return not 0 < params.lr_warmup_steps < 1
    return params.lr_scheduler in ("constant", "adafactor")


def shorter_runs(state: State, record: dict[str, Any]) -> list[tuple[Train, State]]:
    """Params and state of each run that this one can go on from, the longest first."""
    found: list[tuple[int, Train, State]] = []
    for other in map(State, states(state.folder.parent)):
        if not other.resume.is_file() or (content := unharmed(other.record, talks=True)) is None:
            continue
        if "params" not in content or _without_length(content) != _without_length(record):
            continue
        shorter, length = (each["params"]["max_train_epochs"] or 0 for each in (content, record))
        if 0 < shorter < length:
            found.append((shorter, Train.model_validate(content["params"]), other))
    return [(before, other) for _, before, other in sorted(found, key=lambda one: -one[0])]


def take_over(
    state: State, record: dict[str, Any], params: Train, metadata: dict[str, str], steps_per_epoch: int
) -> str | None:
    """Make an earlier run's state this run's, unless there is one already. Returns what was taken over, in words."""
    if state.resume.exists() or not can_go_on(params):
        return None
    for before, other in shorter_runs(state, record):
        loaded = unharmed(other.load, talks=True)
        if loaded is None:
            continue
        progress, parts = loaded
        names = {saved.step: saved.name for saved in saved_checkpoints(before, steps_per_epoch)}
        done = [saved for saved in saved_checkpoints(params, steps_per_epoch) if saved.step <= progress.step]
        if not all(saved.step in names for saved in done):
            continue
        if lacking := other.lacking([names[saved.step] for saved in done]):
            print(f"not used: {lacking[0]}", flush=True)
            continue
        for saved in done:
            stamp = saved_metadata(record, saved, steps_per_epoch)
            path = state.epochs / saved.name
            write_lora(path, read_tensors(other.epochs / names[saved.step]), {**metadata, **stamp})
            state.keep(path)
        state.save(progress, parts)
        return f"going on from a run of {before.max_train_epochs} epochs that was the same otherwise"
    return None


def saved_metadata(record: dict[str, Any], saved: Saved, steps_per_epoch: int) -> dict[str, str]:
    """A checkpoint's own keys: where in the run it is, and our record."""
    return epoch_metadata({**record, "epoch": saved.epoch}, epoch_of(saved.step, steps_per_epoch), saved.step)


def _without_length(record: dict[str, Any]) -> dict[str, Any]:
    params = {key: value for key, value in record["params"].items() if key != "max_train_epochs"}
    return {**{key: value for key, value in record.items() if key != "fingerprint"}, "params": params}
