"""The commands on what trainings left behind."""

import json
import shutil
import time
from pathlib import Path

from stages.train.state import State, states

MEGABYTE = 1 << 20


def listed(folder: Path) -> str:
    """One line per run, oldest first: fingerprint, age, name, epochs, what can be resumed, megabytes."""
    lines = [f"{'fingerprint':14}{'changed':12}{'name':20}{'epochs':>8}  {'state':10}{'MB':>7}"]
    for run in states(folder):
        params = json.loads((run / "record.json").read_text(encoding="utf-8"))["params"]
        state = State(run)
        done = len(list(state.epochs.glob("*.safetensors")))
        kind = "finished" if state.steps.exists() else "resumable" if state.resume.exists() else "begun"
        changed = time.strftime("%Y-%m-%d", time.localtime(run.stat().st_mtime))
        size = sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) // MEGABYTE
        lines.append(f"{run.name[:12]:14}{changed:12}{params['output_name']:20}{done:>8}  {kind:10}{size:>7}")
    return "\n".join(lines) if len(lines) > 1 else f"{folder}: no training left a state"


def prune(folder: Path, keep: str) -> str:
    """Remove every run's state but that of the fingerprint to keep. Call it under the lock."""
    gone = [run for run in states(folder) if run.name != keep]
    for run in gone:
        shutil.rmtree(run)
    return f"{len(gone)} states removed from {folder}"
