"""How the check scales: 1 k, 10 k and 100 k sprite-caption pairs over the full rule set.

Makes the pairs (sprites and captions of the sample set's own generator, from other seeds) in a temporary folder, runs
`python -m stages.validate` over them as a user does, and prints pairs per second, peak memory and the exponent of time
over size (1 = linear). The peer is decoding alone: Pillow opening each sprite and nothing else, on one core.

    python benchmarks/validate_scale.py [--pairs 1000 10000 100000] [--factor 24]

`--factor 24` stores each sprite enlarged 24 times, 576 pixels, as users often have them.
"""

import argparse
import io
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from demo.portraits.persona import caption, personas  # noqa: E402
from demo.portraits.pixel import draw  # noqa: E402
from sprite_lora.art.sprite import enlarge  # noqa: E402
from sprite_lora.dataset.checks.pairs import FEW  # noqa: E402
from sprite_lora.results.validation import Validation  # noqa: E402

BATCH = 2000
DECODED = 500
"""Sprites that the peer's time is taken from."""


class Used(NamedTuple):
    """What one run of the command took."""

    seconds: float
    core_seconds: float
    """Of all cores together: another load on the machine changes it little."""
    peak: int
    """Bytes of memory, of the process and its workers together."""


class Run(NamedTuple):
    pairs: int
    whole: Used
    start: Used
    """The same command over one pair: interpreter, imports, tokenizer, params."""
    decode_seconds: float
    """Of Pillow decoding all of these sprites, on one core."""

    @property
    def working(self) -> float:
        """Core seconds less those of starting up."""
        return self.whole.core_seconds - self.start.core_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--factor", type=int, default=1, help="stored enlargement of each sprite")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        runs = [measure(Path(folder) / str(pairs), pairs, arguments.factor) for pairs in arguments.pairs]
    print(f"{cores} cores, sprites of {24 * arguments.factor} pixels")
    print("  pairs   seconds   pairs/s   pairs per core second   decoding alone   peak memory")
    for run in runs:
        print(
            f"{run.pairs:7,} {run.whole.seconds:9.1f} {run.pairs / run.whole.seconds:9.0f}"
            f" {run.pairs / run.working:23.0f} {run.working / run.decode_seconds:14.1f} x"
            f" {run.whole.peak / 2**20:9.0f} MiB"
        )
    start = runs[0].start
    print(f"one pair alone takes {start.seconds:.1f} s; its {start.core_seconds:.1f} core seconds are taken off")
    for first, last in pairwise(runs):
        exponent = math.log(last.working / first.working) / math.log(last.pairs / first.pairs)
        memory = f"{(last.whole.peak - first.whole.peak) / (last.pairs - first.pairs):.0f} bytes a pair"
        if first.pairs < FEW <= last.pairs:
            memory = f"not compared, from {FEW:,} pairs on there are worker processes"
        print(f"{first.pairs:,} to {last.pairs:,}: time to the power {exponent:.2f}; memory {memory}")


def measure(folder: Path, pairs: int, factor: int) -> Run:
    """Make the pairs, validate them, decode some of them."""
    make(folder / "one", 1, factor)
    make(folder / "all", pairs, factor)
    start = validate(folder / "one")
    decode_seconds = decode(folder / "all") * pairs
    whole = validate(folder / "all")
    findings = Validation.read(folder / "all").findings
    errors = sum(finding.severity == "error" for finding in findings)
    print(f"{pairs:,} pairs: {len(findings)} findings, {errors} errors", file=sys.stderr)
    return Run(pairs, whole, start, decode_seconds)


def make(folder: Path, pairs: int, factor: int) -> None:
    """Sprites, captions and a params.yaml that is the project's own but for the paths."""
    for part in ("data", "captions"):
        (folder / part).mkdir(parents=True)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for shared in ("models", "regularisation"):
        (folder / shared).symlink_to(ROOT / shared)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    for start in range(0, pairs, BATCH):
        for number, someone in enumerate(personas(min(BATCH, pairs - start), seed=1000 + start), start):
            stem = f"punk_{number:06d}"
            file = io.BytesIO()
            cells = draw(someone).copy()
            # A number in the shoulders' corner, so that no two sprites are the same.
            cells[23, 0] = np.array([number >> 16, number >> 8 & 255, number & 255], dtype=np.uint8)
            Image.fromarray(enlarge(cells, factor)).save(file, "PNG", compress_level=1)
            (folder / f"data/{stem}.png").write_bytes(file.getvalue())
            (folder / f"captions/{stem}.txt").write_text(caption(someone))


def validate(folder: Path) -> Used:
    """`python -m stages.validate` in `folder`, its workers included."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start, before = time.perf_counter(), core_seconds()
    with subprocess.Popen(
        [sys.executable, "-m", "stages.validate"], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        watched, peak = psutil.Process(running.pid), 0
        while running.poll() is None:
            peak = max(peak, memory(watched))
            time.sleep(0.1)
    return Used(time.perf_counter() - start, core_seconds() - before, peak)


def core_seconds() -> float:
    """Of all processes that this one has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory(process: psutil.Process) -> int:
    """Bytes of a process and its children; on Linux, pages that they share count once."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            info = one.memory_full_info()
            total += getattr(info, "pss", info.rss)
    except psutil.NoSuchProcess:
        return total
    return total


def decode(folder: Path) -> float:
    """Seconds that Pillow takes to decode one of these sprites."""
    paths = sorted((folder / "data").iterdir())[:DECODED]
    start = time.process_time()
    for path in paths:
        with Image.open(path) as image:
            image.load()
    return (time.process_time() - start) / len(paths)


if __name__ == "__main__":
    main()
