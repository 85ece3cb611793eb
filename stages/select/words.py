"""Why this epoch, and what to mind, as sentences for a person."""

from collections.abc import Mapping

from stages.select.choose import Choice, Epoch, spread

STRENGTHS = {
    "residual": "cells of one colour",
    "edges": "contours on the grid",
    "coherence": "gradients in step with the grid",
    "palette": "a palette like the training sprites'",
    "detail": "as much detail as the training sprites have",
    "coarse": "pixels as fine as the grid",
    "layout": "contours where sprites have them",
    "stray": "fewer stray cells",
    "background": "backgrounds as the prompts name them",
    "copies": "fewer copies of training sprites",
    "sameness": "pictures that follow their prompts",
}
"""Metric to what a higher quality in it means."""

NOTICE = 0.1
"""Share from which copies and sameness are worth a warning: by chance alone some pictures come near to a sprite."""

WORTH_SAYING = 0.1
"""Points of 10 that a metric must account for to be named as a reason."""


def reasons(choice: Choice, base: Epoch | None, trained: int, lost: Mapping[str, float]) -> list[str]:
    """Sentences, the most important first. `trained` is the number of epochs there were to choose from."""
    chosen, other = choice.chosen, choice.runner_up
    told = [f"Epoch {chosen.number} scores {chosen.score:.2f} of 10{_standing(choice, trained)}."]
    if choice.best is not chosen:
        told.append(
            f"Epoch {choice.best.number} scores {choice.best.score - chosen.score:.2f} more, less than these "
            f"{len(chosen.pictures)} prompts can tell apart; the earlier epoch has the same quality with less training."
        )
    elif other is not None:
        why = strengths(chosen, other, lost)
        if why:
            told.append(f"What sets it above epoch {other.number}: {', '.join(why)}.")
    if base is not None and chosen.score > base.score:
        told.append(f"The untouched base scores {base.score:.2f}: the LoRA gains {chosen.score - base.score:.2f}.")
    for epoch in choice.passed_over:
        told.append(
            f"Epoch {epoch.number} ({epoch.score:.2f}) was passed over: {epoch.mark['copied']:.0%} of it is copied "
            "from training sprites."
        )
    return told


def warnings(choice: Choice, base: Epoch | None, trained: list[Epoch]) -> list[str]:
    """What a person should know before using the LoRA; empty where there is nothing."""
    chosen, other = choice.chosen, choice.runner_up
    told = []
    if base is not None and chosen.score <= base.score:
        told.append(
            f"No epoch beats the untouched base ({base.score:.2f}): this LoRA does not help. Look at the pictures, "
            "then at captions, prompts and learning rates."
        )
    if chosen.mark["copied"] >= NOTICE:
        told.append(
            f"{chosen.mark['copied']:.0%} of its pictures, by how close they are, are training sprites: the LoRA "
            "memorises. More sprites, fewer epochs or a lower network_dim help."
        )
    if chosen.mark["sameness"] >= NOTICE:
        told.append("Its pictures hardly differ from prompt to prompt.")
    if other is not None and len(choice.tied) > 1:
        told.append(
            f"Epochs {_listed([epoch.number for epoch in choice.tied])} can't be told apart by these "
            f"{len(chosen.pictures)} prompts; more prompts sharpen the choice."
        )
    elif len(trained) > 1 and chosen is trained[-1]:
        told.append("The last epoch is the best: it may still get better with more epochs (train.max_train_epochs).")
    dead = [epoch.number for epoch in trained if epoch.score == 0]
    if dead:
        told.append(f"Collapsed, flat or black: {'epoch' if len(dead) == 1 else 'epochs'} {_listed(dead)}.")
    return told


def strengths(chosen: Epoch, other: Epoch, lost: Mapping[str, float]) -> list[str]:
    """The up to three metrics that count most for `chosen` against `other`, each with both qualities."""
    gains = {
        name: 10 * weight * (_quality(chosen, name) - _quality(other, name))
        for name, weight in lost.items()
        if name in STRENGTHS
    }
    ranked = sorted((name for name in gains if gains[name] >= WORTH_SAYING), key=lambda name: -gains[name])
    return [
        f"{STRENGTHS[name]} ({_quality(chosen, name):.2f} against {_quality(other, name):.2f})" for name in ranked[:3]
    ]


def _quality(epoch: Epoch, name: str) -> float:
    """0 to 1, 1 = good. `copied` and `sameness` are faults; a background that no prompt names is no fault."""
    if name == "copies":
        return 1 - epoch.mark["copied"]
    if name == "sameness":
        return 1 - epoch.mark["sameness"]
    return epoch.mark.get(name, 1.0)


def _standing(choice: Choice, trained: int) -> str:
    other = choice.runner_up
    if other is None:
        return "; it is the only one" if trained == 1 else "; no other epoch is free of copied sprites"
    margin = choice.chosen.score - other.score
    error = spread(choice.chosen, other)
    if margin < 0:
        return f", as good as epoch {other.number} ({other.score:.2f}) within what can be told"
    noise = f" (standard error of the difference over the prompts: {error:.2f})" if error else ""
    return f", {margin:.2f} above the next, epoch {other.number}{noise}"


def _listed(numbers: list[int]) -> str:
    *most, last = [str(number) for number in numbers]
    return f"{', '.join(most)} and {last}" if most else last
