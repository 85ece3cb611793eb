"""Why this epoch, and what to mind, as sentences for a person."""

from collections.abc import Sequence

from sprite_lora.lora.epochs import Epoch
from sprite_lora.results.scores import EpochScore, MetricWords
from sprite_lora.scoring.copies import COPIES
from stages.select.choose import Choice
from stages.select.paired import prompts

WORTH_SAYING = 0.1
"""Points of 10 that a metric must account for to be named as a reason."""

LIKELY = 0.05
"""Chance of being the best from which an epoch is named."""


def reasons(choice: Choice, base: EpochScore | None, trained: int, metrics: Sequence[MetricWords]) -> list[str]:
    """Sentences, the most important first. `trained` is the number of epochs there were to choose from."""
    chosen, other = choice.chosen, choice.runner_up
    found = [f"Epoch {chosen.number} scores {chosen.score:.2f} of 10{_standing(choice, trained)}."]
    if other is not None:
        found.append(how_sure(choice))
    if choice.best is not chosen:
        more = choice.merit.of(choice.best) - choice.merit.of(chosen)
        error = choice.merit.spread(choice.best, chosen)
        found.append(
            f"Epoch {choice.best.number} {'has' if choice.merit.weight else 'scores'} {more:.2f} more (standard error "
            f"{error:.2f}), which counts as a tie by {_evidence(choice)}; the earlier epoch needs less training."
        )
    elif other is not None and chosen.score > other.score:
        why = strengths(chosen, other, metrics)
        if why:
            found.append(f"What sets it above epoch {other.number}: {', '.join(why)}.")
    if base is not None and chosen.score > base.score:
        found.append(f"The untouched base scores {base.score:.2f}: the LoRA gains {chosen.score - base.score:.2f}.")
    for epoch in choice.passed_over:
        found.append(
            f"Epoch {epoch.number} ({epoch.score:.2f}) was passed over: {epoch.faults[COPIES.name]:.0%} of it is "
            "copied from training sprites."
        )
    return found


def how_sure(choice: Choice) -> str:
    """How likely the likeliest epochs are the best."""
    ranked = sorted(choice.chances.items(), key=lambda item: (-item[1], item[0]))
    likely = [(epoch, chance) for epoch, chance in ranked if chance >= LIKELY or epoch == choice.chosen.number]
    named = [f"{chance:.0%} for epoch {epoch:g}" for epoch, chance in likely]
    return (
        f"Chance to be the best, had other prompts of this kind{_and_ratings(choice)} decided (bootstrap): "
        f"{', '.join(named)}."
    )


def by_people(choice: Choice, alone: EpochScore) -> list[str]:
    """What people had to do with it. `alone`: what the score alone would have chosen."""
    ranking, weight = choice.merit.people, choice.merit.weight
    if not ranking or not ranking.ratings or not weight:
        return []
    return [
        f"People weigh {weight:.0%}: select.people is {choice.merit.wanted:g}, and {len(ranking.ratings)} ratings "
        f"settle {ranking.settled:.0%} of what there is to know. "
        + (
            "The score alone would select the same epoch."
            if alone is choice.chosen
            else f"The score alone would select epoch {alone.number} ({alone.score:.2f})."
        )
    ]


def warnings(choice: Choice, trained: Sequence[EpochScore], more: int | None) -> list[str]:
    """What a person should know before using the LoRA; empty where there is nothing. `more`: see `more_pictures`."""
    chosen, other = choice.chosen, choice.runner_up
    found = [f"{remark.word.capitalize()}: {remark.sentence}." for remark in chosen.remarks]
    if other is not None and len(choice.tied) > 1:
        found.append(
            f"Epochs {_listed([epoch.number for epoch in choice.tied])} tie by {_evidence(choice)}"
            + (f"; {_to_tell(choice, more)}." if not choice.objections else ".")
        )
    elif len(trained) > 1 and chosen is trained[-1]:
        found.append("The last epoch is the best: it may still get better with more epochs (train.max_train_epochs).")
    found += _unheard(choice)
    dead = [epoch.number for epoch in trained if epoch.score == 0]
    if dead:
        found.append(f"Collapsed, flat or black: {'epoch' if len(dead) == 1 else 'epochs'} {_listed(dead)}.")
    return found


def _to_tell(choice: Choice, more: int | None) -> str:
    """What would tell the chosen epoch from the runner-up."""
    if more is None:
        return "more ratings sharpen the choice" if choice.merit.weight else "as far as the score sees, any will do"
    one, other = sorted(epoch.number for epoch in (choice.chosen, choice.runner_up) if epoch)
    return (
        f"draw {more} more pictures per epoch, of other prompts, to tell {one:g} from {other:g}, if these stay "
        f"{abs(choice.margin or 0.0):.2f} points apart"
    )


def _unheard(choice: Choice) -> list[str]:
    """Where people said something that does not count, or were to count and said nothing."""
    merit, ranking = choice.merit, choice.merit.people
    if ranking is None or (not ranking.ratings and not merit.wanted):
        return []
    if not ranking.ratings:
        return [
            f"select.people is {merit.wanted:g}, but nobody rated a pair of these pictures: the score alone decides. "
            "To rate: uv run sprite-lora review."
        ]
    liked = max(ranking.best, key=lambda epoch: ranking.best[epoch])
    if liked == choice.chosen.number or ranking.best[liked] < 0.5:
        return []
    return [
        f"People like epoch {liked} best ({ranking.best[liked]:.0%} sure after {len(ranking.ratings)} ratings), and "
        f"weigh {merit.weight:.0%} in this choice (select.people)."
    ]


def strengths(chosen: EpochScore, other: EpochScore, metrics: Sequence[MetricWords]) -> list[str]:
    """The up to three metrics that count most for `chosen` against `other`, each with both qualities."""
    gains = [
        (10 * metric.weight * (_quality(chosen, metric.name) - _quality(other, metric.name)), metric)
        for metric in metrics
    ]
    ranked = sorted((gain for gain in gains if gain[0] >= WORTH_SAYING), key=lambda gain: -gain[0])
    return [
        f"{metric.label} ({_quality(chosen, metric.name):.2f} against {_quality(other, metric.name):.2f})"
        for _, metric in ranked[:3]
    ]


def _quality(epoch: EpochScore, name: str) -> float:
    """0 to 1, 1 = good; a metric that applies to none of its pictures is no fault."""
    return 1 - epoch.faults[name] if name in epoch.faults else epoch.qualities.get(name, 1.0)


def _standing(choice: Choice, trained: int) -> str:
    other = choice.runner_up
    if other is None:
        return "; it is the only one" if trained == 1 else "; no other epoch is free of copied sprites"
    margin, error, weight = choice.margin or 0.0, choice.spread, choice.merit.weight
    if margin < 0 and other not in choice.tied:
        return f"; epoch {other.number} ({other.score:.2f}) is above it, but not usable"
    if margin < 0:
        return f", a tie with epoch {other.number} ({other.score:.2f})"
    source = "prompts and the ratings" if weight else "prompts"
    noise = f" (standard error of the difference over the {source}: {error:.2f})" if error else ""
    points = f", with people's ratings {choice.merit.of(choice.chosen):.2f}" if weight else ""
    return f"{points}, {margin:.2f} above the next, epoch {other.number}{noise}"


def _evidence(choice: Choice) -> str:
    """`these 6 prompts`, and how many ratings where they count."""
    ratings = len(choice.merit.people.ratings) if choice.merit.people and choice.merit.weight else 0
    asked, drawn = len(prompts(choice.chosen)), len(choice.chosen.drawn)
    pictures = f"{asked} prompts" if asked == drawn else f"{drawn} pictures"
    return f"these {pictures}" + (f" and {ratings} ratings" if ratings else "")


def _and_ratings(choice: Choice) -> str:
    return " and ratings" if choice.merit.weight else ""


def _listed(numbers: list[Epoch]) -> str:
    *most, last = [f"{number:g}" for number in numbers]
    return f"{', '.join(most)} and {last}" if most else last
