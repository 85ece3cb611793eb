"""Which pictures and captions belong to which run: by record, or as hypotheses that give their reason."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from tools.audit.evidence import CaptionVersion, PictureSet, families, words
from tools.audit.runs import Run

Certainty = Literal["record", "likely", "possible", "unlikely", "ruled out"]
"""`record`: written in the files. `likely` to `unlikely`: by date and name. `ruled out`: against a record or dates."""

HELD = ("record", "likely", "possible")


@dataclass(frozen=True)
class Match:
    """One link between a run and pictures or captions."""

    run: str
    certainty: Certainty
    reason: str
    epoch: int | None = None
    when: Literal["before", "during", "after", ""] = ""
    """For captions: their date against the run's."""


def day(moment: datetime | None) -> str:
    """A date for a person, to the minute."""
    return moment.isoformat(" ", "minutes") if moment else "no date"


def match_pictures(pictures: PictureSet, runs: Sequence[Run]) -> list[Match]:
    """Runs that the pictures come from by their records; failing that, those that name, date and epoch suggest."""
    recorded = [match for drawn in pictures.drawn for match in _by_record(drawn.checkpoint, drawn.count, runs)]
    if recorded or any(drawn.checkpoint == "base" for drawn in pictures.drawn):
        return recorded
    stated = [
        Match(run.name, "possible", f"{drawn.count} pictures name the LoRA {drawn.lora}", pictures.epoch)
        for drawn in pictures.drawn
        for run in runs
        if drawn.lora and run.stem in (drawn.lora, drawn.lora.rsplit("-", 1)[0])
    ]
    return stated + [_by_name_and_time(pictures, run) for run in runs if fits_name(pictures.name, run)]


def _by_record(digest: str | None, count: int, runs: Sequence[Run]) -> list[Match]:
    """The checkpoint whose `sshs_model_hash` the pictures carry, whole or its first 12 digits; copies count as one."""
    if not digest or digest == "base":
        return []
    found: dict[tuple[str, int | None], list[str]] = {}
    for run in runs:
        for one in run.checkpoints:
            if one.content and one.content.model_hash and one.content.model_hash.startswith(digest):
                found.setdefault((run.name, one.epoch), []).append("/".join(PurePosixPath(one.path).parts[-2:]))
    return [
        Match(run, "record", f"{count} pictures carry the hash of {' and its copy '.join(paths)}", epoch)
        for (run, epoch), paths in found.items()
    ]


def fits_name(path: str, run: Run) -> bool:
    """Whether a folder's name suggests a run: its words are among the run's, and the base that it names is the run's.

    A name that says nothing but a base fits the runs whose own names say the same base.
    """
    last = next((part for part in reversed(PurePosixPath(path).parts) if words(part) or families(part)), "")
    said, claimed = words(last), families(last)
    if said:
        return said <= words(run.stem) and (not claimed or bool(claimed & (run.families or claimed)))
    return bool(claimed) and claimed <= run.claimed_families


def _by_name_and_time(pictures: PictureSet, run: Run) -> Match:
    dated, first = pictures.there_since, run.started or run.first
    if dated and first and dated < first:
        what = "its training began" if run.started else "its first checkpoint is of"
        reason = f"the name fits, but the pictures are of {day(dated)} and {what} {day(first)}"
        return Match(run.name, "ruled out", reason, pictures.epoch)
    reason = "the name fits" + (
        f", and the run was there by {day(first)}" if dated and first else ", no dates to hold it to"
    )
    if pictures.epoch and pictures.epoch not in run.epochs:
        reason += f"; no file numbered {pictures.epoch} is left of it"
    return Match(run.name, "possible", reason, pictures.epoch)  # fmt: skip


def match_captions(run: Run, captions: Sequence[CaptionVersion]) -> list[tuple[CaptionVersion, Match]]:
    """Every caption version, placed: trained with it by record, or before, during or after the run by its date."""
    placed = [(version, _place(run, version)) for version in captions]
    before = [index for index, (_, match) in enumerate(placed) if match.certainty == "possible" and match.when]
    if before:
        newest = max(before, key=lambda index: placed[index][0].modified or datetime.min)
        version, match = placed[newest]
        placed[newest] = (version, replace(match, certainty="likely", reason=match.reason + ", and the newest that is"))
    return placed


def _place(run: Run, version: CaptionVersion) -> Match:
    content = run.read.content if run.read else None
    first = run.started or run.first
    if version.modified is None or first is None:
        dated = Match(run.name, "possible", "there are no dates to place it by")
    elif version.modified <= first:
        dated = Match(run.name, "possible", f"dated {day(version.modified)}, before the run", when="before")
    else:
        when: Literal["during", "after"] = "during" if run.last and version.modified <= run.last else "after"
        reason = f"dated {day(version.modified)}, {when} the run: only if it is older than its date"
        dated = Match(run.name, "unlikely", reason, when=when)
    if content is None or not (content.captions or content.tags):
        return dated
    if content.captions and version.captions:
        same, how = version.captions == content.captions, "carry the hash of"
    else:
        same, how = version.tags == content.tags, "count each tag as it stands in"
    if same:
        return replace(dated, certainty="record", reason=f"the checkpoints {how} these captions")
    return replace(dated, certainty="ruled out", reason=f"the checkpoints {how} other captions")
