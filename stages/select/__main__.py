"""Select the best epoch, and say why.

Reads   reports/score.json, ratings/ratings.json, outputs/checkpoints, the section `select`
Writes  outputs/selected/<output_name>.safetensors (the checkpoint, byte for byte), outputs/selected/record.json,
        reports/select.json, reports/select_summary.json (DVC metrics)

    python -m stages.select

Fails where there is nothing to select: no trained epoch, or every one collapsed. Where no epoch is usable, the best one
is still selected, and the verdict says so with its reasons: a person must see it to know what went wrong.
"""

from collections.abc import Sequence
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.files import write_bytes
from sprite_lora.core.params import Paths, load
from sprite_lora.results.people import people, rank
from sprite_lora.results.ratings import Ratings
from sprite_lora.results.scores import EpochScore, Scores
from sprite_lora.results.selection import Best, Chance, SelectedMetrics, SelectedRecord, Selection, SelectSummary
from sprite_lora.scoring.select_params import Select
from stages.select.checkpoints import Checkpoint, find_checkpoint
from stages.select.choose import Choice, choose
from stages.select.merit import Merit
from stages.select.more import more_pictures
from stages.select.words import by_people, reasons, warnings


def main() -> None:
    paths, rule, scores = load(Paths), load(Select), Scores.read()
    refuse_hopeless(scores.trained)
    ranking = rank(Ratings.read(), scores.trained)
    choice = choose(scores.trained, rule, Merit(ranking, rule.people), scores.base)
    checkpoint = find_checkpoint(paths.checkpoints, choice.chosen.checkpoint, choice.chosen.number)
    target = paths.selected / f"{checkpoint.output_name}.safetensors"
    selection = selected(choice, rule, scores, checkpoint, target)
    write_bytes(target, checkpoint.path.read_bytes())
    SelectedRecord(selection=selection, checkpoint=checkpoint.record).write()
    selection.write()
    metrics = SelectedMetrics(epoch=selection.epoch, score=selection.score, gain=selection.gain)
    SelectSummary(selected=metrics).write()
    print("\n".join(selection.reasons))
    print("".join(f"warning: {warning}\n" for warning in selection.warnings), end="")
    if not selection.usable:
        print("none is usable:\n" + "\n".join(f"- {reason}" for reason in selection.reasons_against))
    print(f"selected: {target}")


def refuse_hopeless(trained: Sequence[EpochScore]) -> None:
    """Raise SpriteLoraError where no epoch can be selected."""
    if not trained:
        raise SpriteLoraError("only the untouched base was drawn, no trained epoch", "run: dvc repro -f sample")
    if not any(epoch.score > 0 for epoch in trained):
        raise SpriteLoraError(
            f"nothing to select: all {len(trained)} epochs score 0, their pictures are black, flat or all the same",
            "look at outputs/samples and reports/score.csv; a lower learning rate, or mixed_precision bf16 or no in "
            "place of fp16, are the usual cures",
        )


def selected(choice: Choice, rule: Select, scores: Scores, checkpoint: Checkpoint, target: Path) -> Selection:
    """The choice with its reasons."""
    chosen, other, base = choice.chosen, choice.runner_up, scores.base
    alone = choose(scores.trained, rule, base=base).chosen
    more = more_pictures(choice, rule)
    return Selection(
        epoch=chosen.number,
        score=chosen.score,
        best=Best(epoch=choice.best.number, score=choice.best.score),
        runner_up=other.number if other else None,
        margin=None if choice.margin is None else round(choice.margin, 4),
        spread=None if choice.spread is None else round(choice.spread, 4),
        chances=tuple(Chance(epoch=epoch, best=round(chance, 4)) for epoch, chance in choice.chances.items()),
        tied=tuple(epoch.number for epoch in choice.tied),
        passed_over=tuple(epoch.number for epoch in choice.passed_over),
        base=base.score if base else None,
        gain=round(chosen.score - base.score, 4) if base else None,
        people=people(choice.merit.people, choice.merit.weight) if choice.merit.people else None,
        reasons=tuple(reasons(choice, base, len(scores.trained), scores.metrics) + by_people(choice, alone)),
        warnings=tuple(warnings(choice, scores.trained, more)),
        more_pictures=more,
        usable=not choice.objections,
        reasons_against=choice.objections,
        file=target.as_posix(),
        checkpoint=checkpoint.path.name,
        model_hash=chosen.checkpoint,
    )


if __name__ == "__main__":
    run_stage(main)
