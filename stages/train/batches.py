"""Which pictures a step sees: epochs, batches and steps, counted as kohya counts them."""

from dataclasses import dataclass

from sprite_lora.core import rng
from sprite_lora.kohya import steps


@dataclass(frozen=True)
class Plan:
    """The run in numbers."""

    entries: list[int]
    """One epoch's pictures, each as often as it is repeated: indices into the training pictures, then into the
    regularisation pictures behind them."""
    batch_size: int
    accumulation: int
    processes: int
    epochs: int

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch, over all processes."""
        return steps.batches_per_epoch(len(self.entries), self.batch_size)

    @property
    def rounds_per_epoch(self) -> int:
        """Batches that each process takes; the processes take one each at a time."""
        return steps.rounds_per_epoch(len(self.entries), self.batch_size, self.processes)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps; the last of an epoch may gather fewer batches."""
        return steps.steps_per_epoch(len(self.entries), self.batch_size, self.processes, self.accumulation)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch


def entries(pictures: int, num_repeats: int, regularisation: list[int]) -> list[int]:
    """One epoch's pictures; `regularisation` holds the repeats of each regularisation picture."""
    training = [index for index in range(pictures) for _ in range(num_repeats)]
    counts = steps.regularisation_uses(len(training), regularisation)
    return training + [pictures + index for index, count in enumerate(counts) for _ in range(count)]


def epoch_batches(plan: Plan, seed: int, epoch: int) -> list[list[int]]:
    """The epoch's batches in order, a function of (seed, epoch): pictures shuffled, cut, and the batches shuffled.

    So each picture is seen exactly num_repeats times in each epoch; kohya's first batch of an epoch comes from the
    epoch before's order, and repeats some pictures while others are missed.
    """
    order = rng.permutation(len(plan.entries), seed, "order", epoch)
    shuffled = [plan.entries[index] for index in order]
    cut = [shuffled[start : start + plan.batch_size] for start in range(0, len(shuffled), plan.batch_size)]
    return [cut[index] for index in rng.permutation(len(cut), seed, "batch order", epoch)]


def step_batches(plan: Plan, step: int) -> list[list[int]]:
    """Which of the epoch's batches its step `step` (from 0) sees: per round, one number for each process.

    Where the processes do not divide the batches, the last round goes on at the epoch's beginning (accelerate's
    `even_batches`).
    """
    first = step * plan.accumulation
    rounds = range(first, min(first + plan.accumulation, plan.rounds_per_epoch))
    return [
        [(turn * plan.processes + process) % plan.batches_per_epoch for process in range(plan.processes)]
        for turn in rounds
    ]
