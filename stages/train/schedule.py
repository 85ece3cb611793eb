"""Learning rate over the run, as a factor on each part's rate."""

import math


def warmup_steps(lr_warmup_steps: int | float, steps: int) -> int:
    """kohya: a whole number is steps, a fraction below 1 a share of all steps."""
    return int(lr_warmup_steps * steps) if lr_warmup_steps < 1 else int(lr_warmup_steps)


def factor(name: str, step: int, steps: int, warmup: int, cycles: int) -> float:
    """Factor for the optimizer step that follows `step` done ones, of `steps` in all (transformers' schedules).

    During warm-up step / warmup. After it, with progress p = (step - warmup) / (steps - warmup): linear 1 - p;
    cosine (1 + cos(pi p)) / 2; cosine_with_restarts the same of (cycles p) mod 1, and 0 from p = 1.
    """
    if name in ("constant", "adafactor"):
        return 1.0
    if step < warmup:
        return step / warmup
    if name == "constant_with_warmup":
        return 1.0
    progress = (step - warmup) / max(1, steps - warmup)
    if name == "linear":
        return max(0.0, 1 - progress)
    if name == "cosine":
        return max(0.0, 0.5 * (1 + math.cos(math.pi * progress)))
    assert name == "cosine_with_restarts", name
    return 0.0 if progress >= 1 else 0.5 * (1 + math.cos(math.pi * ((cycles * progress) % 1.0)))
