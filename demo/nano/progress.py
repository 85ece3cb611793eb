"""The training loop of all three parts: AdamW, warm-up and cosine, a moving average, and resume.

A part that was stopped goes on from its last saved step; since every draw is a function of the step, it ends as if
it had never been stopped.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

WARM_UP = 100
SAVE_EVERY = 200


def rate(step: int, steps: int, peak: float) -> float:
    """Learning rate: linear to the peak, then half a cosine down to a twentieth of it."""
    if step < WARM_UP:
        return peak * (step + 1) / WARM_UP
    share = (step - WARM_UP) / max(1, steps - WARM_UP)
    return peak * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * share)))


def resumable(  # noqa: PLR0913  plain settings, by name
    work: Path,
    name: str,
    model: nn.Module,
    average: nn.Module,
    loss_of: Callable[[int], Tensor],
    steps: int,
    peak: float,
    decay: float,
    say: Callable[[str], None],
    groups: Callable[[nn.Module], list[dict[str, object]]] | None = None,
) -> None:
    """Train `model` in place for `steps` steps of `loss_of(step)`, and `average` after it.

    Saves to `work/<name>.pt` every SAVE_EVERY steps and goes on from there; the loss goes to `work/<name>.csv`.
    `groups` may split the parameters and give each group a `scale` of the learning rate.
    """
    parameters = groups(model) if groups else [{"params": list(model.parameters()), "scale": 1.0}]
    optimizer = torch.optim.AdamW(parameters, lr=peak, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    saved, curve = work / f"{name}.pt", work / f"{name}.csv"
    first = 0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
        say(f"{name}: going on from step {first}")
    else:
        curve.write_text("step,loss,seconds\n", encoding="utf-8")
    began, mean = time.monotonic(), 0.0
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps, peak) * group["scale"]
        loss = loss_of(step)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(decay, (step + 1) / (step + 10))
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1.0 - keep)
        mean += (loss.item() - mean) / min(50, step - first + 1)
        done = step + 1
        if done % 50 == 0:
            seconds = (time.monotonic() - began) / (done - first)
            say(f"{name}: step {done} of {steps}, loss {mean:.5f}, {seconds:.2f} s a step")
            with curve.open("a", encoding="utf-8") as lines:
                lines.write(f"{done},{mean:.6f},{seconds:.3f}\n")
        if done % SAVE_EVERY == 0 or done == steps:
            state = {"model": model.state_dict(), "average": average.state_dict()}
            torch.save(state | {"optimizer": optimizer.state_dict(), "step": done}, saved.with_suffix(".tmp"))
            saved.with_suffix(".tmp").replace(saved)
