"""What changed since an earlier run, as the page words it."""

from dataclasses import dataclass

from sprite_lora.results.changes import Change, Changes
from stages.report.facts import Facts


@dataclass(frozen=True)
class Drift:
    """What templates/drift.html shows."""

    summary: str
    rows: tuple[Change, ...]
    captions: tuple[tuple[str, str, str], ...]
    """Stem, before and now, of the captions that changed most."""
    notes: tuple[str, ...]


def drift(facts: Facts) -> Drift:
    """The section, also where there is nothing to hold this run against."""
    revision, changes = facts.compared_with, facts.changes
    if changes is None:
        asked = f"the revision {revision} holds no earlier run" if revision else "report.compare_with is null"
        return Drift(f"Not compared: {asked}.", (), (), ())
    rows = (*changes.changed, *changes.others)
    if not rows and changes.captions.answer == changes.prompts.answer == "same":
        return Drift(f"Nothing since {revision}: the same settings, captions and prompts.", (), (), ())
    largest = tuple((caption.stem, caption.a, caption.b) for caption in changes.captions.largest)
    return Drift(f"Since {revision}: {changes.verdict}.", rows, largest, tuple(_notes(changes)))


def _notes(changes: Changes) -> list[str]:
    captions, prompts = changes.captions, changes.prompts
    notes = [f"{change.name}: {change.a} to {change.b}, without effect" for change in changes.without_effect]
    if captions.answer == "different":
        counts = f"{captions.changed} changed, {captions.added} added, {captions.removed} removed"
        notes.append(f"Captions: {counts}, {captions.unchanged} as before.")
    notes += [f'New prompt: "{prompt}"' for prompt in prompts.b_alone]
    notes += [f'Gone prompt: "{prompt}"' for prompt in prompts.a_alone]
    return notes
