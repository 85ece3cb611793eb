"""Checkpoints put together into runs: by what they contain, by their names only where nothing else is left."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import PurePosixPath

from tools.audit.evidence import Checkpoint, families
from tools.audit.sizes import Fit, fitting

UNEVEN = 4.0
"""Epochs of one training take about the same time. Dates whose steps differ by more than this factor are of copies."""

LONGEST = 10_000
"""Epochs; a file that claims to be of a later one is not believed when the missing ones are counted."""


@dataclass(frozen=True)
class Run:
    """The checkpoints of one training."""

    name: str
    """Its own among all runs: the stem, numbered where two runs have one stem."""
    stem: str
    """The name that most of its files have."""
    basis: str
    """What holds them together: our record, the training's session, equal settings, equal tensors, or the name."""
    checkpoints: tuple[Checkpoint, ...]
    """By epoch; the file without a number last."""

    @property
    def read(self) -> Checkpoint | None:
        """One whose content is known."""
        return next((one for one in self.checkpoints if one.content), None)

    @property
    def first(self) -> datetime | None:
        """Date of its earliest checkpoint."""
        return min((time for one in self.checkpoints if (time := one.there_since)), default=None)

    @property
    def last(self) -> datetime | None:
        return max((time for one in self.checkpoints if (time := one.there_since)), default=None)

    @property
    def started(self) -> datetime | None:
        """When its training began, by its own clock."""
        return next((one.content.started for one in self.checkpoints if one.content and one.content.started), None)

    @property
    def fits(self) -> list[Fit]:
        """Every LoRA that has the size of its files; of a run whose content is not known."""
        alternatives = [set(fitting(one.size)) for one in self.checkpoints if one.size.high < 2**62]
        return sorted(set.intersection(*alternatives)) if alternatives else []

    @property
    def families(self) -> frozenset[str]:
        """Base families that it may have been trained on: by its tensors, else by size."""
        if self.read is not None and self.read.content is not None:
            return frozenset([self.read.content.family])
        return frozenset(fit.family for fit in self.fits)

    @property
    def claimed_families(self) -> frozenset[str]:
        return families(self.stem)

    @property
    def epochs(self) -> list[int]:
        """Numbers of the epochs that are there."""
        return sorted({one.epoch for one in self.checkpoints if one.epoch is not None})

    @property
    def missing(self) -> list[int]:
        """Epochs between the first and the last known one that left no file here."""
        content = self.read.content if self.read else None
        there = [epoch for epoch in self.epochs if 0 < epoch <= LONGEST]
        if not there:
            return []
        last = content.epochs if content and content.epochs else there[-1]
        every = min(later - earlier for earlier, later in pairwise([0, *there]))
        return [epoch for epoch in range(every, min(last, LONGEST) + 1, every) if epoch not in there]

    @property
    def uneven(self) -> str | None:
        """What makes the files' dates look like those of copies, None where nothing does."""
        dated = [(one.epoch, one.modified) for one in self.checkpoints if one.epoch and one.modified]
        paces = [
            (later[1] - earlier[1]).total_seconds() / 60 / (later[0] - earlier[0])
            for earlier, later in pairwise(dated)
            if later[0] > earlier[0]
        ]
        if len(paces) < 2 or min(paces) * UNEVEN >= max(paces):
            return None
        return f"from {min(paces):.0f} to {max(paces):.0f} minutes per epoch"


def group(checkpoints: Iterable[Checkpoint]) -> list[Run]:
    """Runs, in the order of their first checkpoint."""
    groups: dict[tuple[str, ...], list[Checkpoint]] = {}
    for one in checkpoints:
        groups.setdefault(_key(one), []).append(one)
    runs = []
    for key, members in groups.items():
        members.sort(key=lambda one: (one.epoch is None, one.epoch or 0, one.path))
        stem = _stem(members)
        runs.append(Run(stem, stem, key[0], tuple(members)))
    runs.sort(key=lambda run: (run.first or datetime.max, run.name))
    seen: Counter[str] = Counter()
    for index, run in enumerate(runs):
        seen[run.stem] += 1
        if seen[run.stem] > 1:
            runs[index] = replace(run, name=f"{run.stem} ({seen[run.stem]})")
    return runs


def _key(one: Checkpoint) -> tuple[str, ...]:
    content = one.content
    folder = PurePosixPath(one.path).parent.as_posix()
    if content is None:
        return ("name", folder, one.stem)
    if content.fingerprint:
        return ("our record", content.fingerprint)
    if content.session:
        return ("training session", content.session)
    if content.training:
        return ("equal settings", content.training, content.layout)
    return ("equal tensors and name", content.layout, folder, one.stem)


def _stem(members: Sequence[Checkpoint]) -> str:
    return Counter(one.stem for one in members).most_common(1)[0][0]
