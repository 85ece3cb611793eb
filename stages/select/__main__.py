"""Select the best epoch, and say why.

Reads   reports/score.json, reports/score.csv, outputs/checkpoints, the section `select` and the weights of `score`
Writes  outputs/selected/<output_name>.safetensors (the checkpoint, byte for byte), outputs/selected/record.json,
        reports/select.json

    python -m stages.select

Fails where there is nothing to select: no trained epoch, or every one collapsed. An epoch that does not beat the base
is still selected, with a warning: a person must see it to know what went wrong.
"""

from typing import Any

from sprite_lora.core.errors import SpriteLoraError, run_stage
from sprite_lora.core.files import write_bytes, write_json
from sprite_lora.core.params import Paths, load
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.select_params import Select
from stages.select.checkpoints import find_checkpoint
from stages.select.choose import Choice, Epoch, choose, spread
from stages.select.scores import read_epochs
from stages.select.words import reasons, warnings


def main() -> None:
    paths, rule = load(Paths), load(Select)
    epochs = read_epochs(paths.reports)
    base = next((epoch for epoch in epochs if epoch.number == 0), None)
    trained = [epoch for epoch in epochs if epoch.number > 0]
    refuse_hopeless(trained)
    choice = choose(trained, rule)
    checkpoint = find_checkpoint(paths.checkpoints, choice.chosen.checkpoint, choice.chosen.number)
    target = paths.selected / f"{checkpoint.output_name}.safetensors"
    selection = verdict(choice, base) | {
        "reasons": reasons(choice, base, len(trained), load(Score).lost.model_dump()),
        "warnings": warnings(choice, base, trained),
        "file": target.as_posix(),
        "checkpoint": checkpoint.path.name,
        "model_hash": choice.chosen.checkpoint,
    }
    write_bytes(target, checkpoint.path.read_bytes())
    write_json(paths.selected / "record.json", {"selection": selection, "checkpoint": checkpoint.record})
    write_json(paths.reports / "select.json", selection)
    print("\n".join(selection["reasons"]))
    print("".join(f"warning: {warning}\n" for warning in selection["warnings"]) + f"selected: {target}")


def refuse_hopeless(trained: list[Epoch]) -> None:
    """Raise SpriteLoraError where no epoch can be selected."""
    if not trained:
        raise SpriteLoraError("only the untouched base was drawn, no trained epoch", "run: dvc repro -f sample")
    if not any(epoch.score > 0 for epoch in trained):
        raise SpriteLoraError(
            f"nothing to select: all {len(trained)} epochs score 0, their pictures are black, flat or all the same",
            "look at outputs/samples and reports/score.csv; a lower learning rate, or mixed_precision bf16 or no in "
            "place of fp16, are the usual cures",
        )


def verdict(choice: Choice, base: Epoch | None) -> dict[str, Any]:
    """The figures of the choice: scores in points of 10, epochs by number."""
    chosen, other = choice.chosen, choice.runner_up
    return {
        "epoch": chosen.number,
        "score": chosen.score,
        "best": {"epoch": choice.best.number, "score": choice.best.score},
        "runner_up": other.number if other else None,
        "margin": round(chosen.score - other.score, 4) if other else None,
        "spread": round(spread(chosen, other), 4) if other else None,
        "tied": [epoch.number for epoch in choice.tied],
        "passed_over": [epoch.number for epoch in choice.passed_over],
        "base": base.score if base else None,
        "gain": round(chosen.score - base.score, 4) if base else None,
    }


if __name__ == "__main__":
    run_stage(main)
