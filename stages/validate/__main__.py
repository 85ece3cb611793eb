"""Check captions, sprites, prompts and every setting against each other, before anything is spent.

Reads   params.yaml, paths.data/*.png, paths.captions/*.txt, the tokenizer and headers of paths.base
Writes  reports/validate.json (findings, counts, what the set teaches), reports/captions.json (for `dvc params diff`),
        reports/plan.json (steps, checkpoints, bytes)
Run     python -m stages.validate [--all] [--steps-per-second 2.5]
        python -m stages.validate --suggest             (prints a diff of safe caption repairs, writes nothing)
        python -m stages.validate --suggest --write     (writes them, where Git can bring the originals back)
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError, run
from sprite_lora.core.files import replacing
from sprite_lora.core.params import read
from sprite_lora.core.terminal import console
from sprite_lora.dataset.checks.finding import Findings, arrange
from sprite_lora.dataset.checks.overview import overview
from sprite_lora.dataset.checks.pairs import Pair
from sprite_lora.dataset.checks.repair import suggestions
from sprite_lora.dataset.checks.rules import RULES
from sprite_lora.dataset.validate_params import Validate
from sprite_lora.results.captions import CaptionTexts
from sprite_lora.results.plan import Plan
from sprite_lora.results.validation import Validation
from stages.validate.check import Checked, check
from stages.validate.plan import plan_lines
from stages.validate.settings import Settings
from stages.validate.suggest import write
from stages.validate.table import print_findings

quoted = partial(json.dumps, ensure_ascii=False)


def main() -> None:
    """Check everything, write the reports, fail if there is an error."""
    parser = argparse.ArgumentParser(prog="python -m stages.validate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--all", action="store_true", help="list every case, not the first few of each rule")
    parser.add_argument("--steps-per-second", type=float, metavar="N", help="speed of the trainer, to state hours")
    parser.add_argument("--suggest", action="store_true", help="only print a unified diff of safe caption repairs")
    parser.add_argument("--write", action="store_true", help="with --suggest: write them; Git must hold the originals")
    arguments = parser.parse_args()
    if arguments.write and not arguments.suggest:
        parser.error("--write goes with --suggest")
    settings = Settings(*read())
    checked = check(settings)
    if arguments.suggest:
        suggest(checked, arguments.write)
    else:
        report(settings, checked, arguments.all, arguments.steps_per_second)


def report(settings: Settings, checked: Checked, every: bool, steps_per_second: float | None) -> None:
    """Write the reports, print findings and plan, raise SpriteLoraError if there is an error among the findings."""
    rules = settings.section(Validate)
    findings = arrange([*settings.found, *checked.found], rules.severity if rules else {})
    summary = overview(checked.pairs, checked.census, settings.value("train", "max_token_length"))
    written = {"findings": findings.as_json(), "counts": findings.counts(), "overview": summary}
    Validation.model_validate(written).write()
    write_captions(CaptionTexts.place, checked.pairs)
    if checked.plan:
        checked.plan.write()
    else:
        Plan.place.unlink(missing_ok=True)
    print_findings(findings, console(), every)
    conclude(len(checked.pairs), findings)
    if checked.plan:
        print("\n".join(plan_lines(checked.plan, steps_per_second)))


def suggest(checked: Checked, writing: bool) -> None:
    """Print the diff on stdout, what it is on stderr; write it if asked to."""
    if not (checked.settings and checked.sprites and checked.captions):
        raise SpriteLoraError("params.yaml has errors, so captions were not looked at", "python -m stages.validate")
    found = list(suggestions(checked.sprites, checked.captions, checked.settings, checked.corrections))
    if writing:
        write(found)
    for suggestion in found:
        print(suggestion.diff(), end="")
    done = "written" if writing else "suggested, nothing written: --suggest --write writes"
    print(f"{len(found)} of {len(checked.pairs)} captions: repairs {done}", file=sys.stderr)


def write_captions(path: Path, pairs: list[Pair]) -> None:
    """Stem to caption, sorted, as far as captions can be read; line by line, to hold no second copy of a large set."""
    said = (pair for pair in pairs if pair.caption is not None)
    lines = (f"  {quoted(pair.stem)}: {quoted(pair.caption)}" for pair in said)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write("{")
        for number, line in enumerate(lines):
            file.write(f"{',' * bool(number)}\n{line}")
        file.write("\n}\n")


def conclude(pairs: int, findings: Findings) -> None:
    """One line for the person; raises SpriteLoraError where there are errors, so that the pipeline stops."""
    errors, warnings = len(findings.of("error")), len(findings.of("warning"))
    repairs = ""
    if any(RULES[case.rule].repairable for case in findings.cases):
        repairs = "python -m stages.validate --suggest prints safe repairs of captions"
    said = f"{warnings} warning{'s' * (warnings != 1)}"
    if errors:
        raise SpriteLoraError(
            f"{errors} error{'s' * (errors > 1)} and {said} in {pairs} pairs: nothing was trained, nothing was deleted",
            f"correct what is listed above (all of it: {Validation.place}), then run again"
            + f"; {repairs}" * bool(repairs),
        )
    print(f"{pairs} pairs, no errors, {said}" + f"; {repairs}" * bool(repairs))


if __name__ == "__main__":
    run(main)
