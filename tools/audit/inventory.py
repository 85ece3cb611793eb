"""What the evidence comes to: runs with their captions and pictures, what belongs to none, and what does not add up."""

from collections.abc import Iterable, Sequence
from typing import Any

from sprite_lora.bases.registry import label
from sprite_lora.core.precision import name_of
from tools.audit import contradictions
from tools.audit.evidence import CaptionVersion, Evidence, PictureSet
from tools.audit.matching import HELD, Match, day, match_captions, match_pictures
from tools.audit.runs import Run, group


def take_inventory(evidence: Evidence) -> dict[str, Any]:
    """The inventory as JSON values; every list in an order that does not depend on the file system's."""
    readable = [one for one in evidence.checkpoints if one.problem is None]
    runs = group(readable)
    pictures = sorted(evidence.pictures, key=lambda one: one.path)
    captions = sorted(evidence.captions, key=lambda one: (one.modified is None, str(one.modified), one.path))
    matches = [(one, match_pictures(one, runs)) for one in pictures]
    placed = {run.name: match_captions(run, captions) for run in runs}
    unreadable = {one.path: one.problem for one in evidence.checkpoints if one.problem} | evidence.problems
    found = [
        *(conflict for one, links in matches for conflict in contradictions.of_pictures(one, links, runs)),
        *(conflict for run in runs for conflict in contradictions.of_captions(run, placed[run.name])),
        *contradictions.of_names(runs),
    ]
    return {
        "runs": [_run(run, placed[run.name], matches) for run in runs],
        "captions": [_captions(version, placed) for version in captions],
        "pictures": [_pictures(one, links) for one, links in matches],
        "orphans": {
            "pictures": [one.path for one, links in matches if not _belongs(one, links)],
            "checkpoints": [run.name for run in runs if not _drawn_by(run, matches)],
            "captions": [_version(version) for version in captions if not _trained(version, placed)],
        },
        "contradictions": [vars(one) for one in found],
        "unreadable": [{"file": file, "problem": problem} for file, problem in unreadable.items()],
    }


def _run(
    run: Run, placed: Sequence[tuple[CaptionVersion, Match]], matches: Iterable[tuple[PictureSet, list[Match]]]
) -> dict[str, Any]:
    content = run.read.content if run.read else None
    unnumbered = [one for one in run.checkpoints if one.epoch is None]
    return {
        "run": run.name,
        "grouped_by": run.basis,
        "base": label(content.family) if content else None,
        "rank": content.ranks[0] if content and len(content.ranks) == 1 else list(content.ranks) if content else None,
        "precision": name_of(content.precision) if content else None,
        "size": run.checkpoints[0].size.text,
        "size_fits": None if content else [_fit(fit) for fit in run.fits],
        "files": len(run.checkpoints),
        "epochs": run.epochs,
        "epochs_missing": run.missing,
        "last_epoch_without_number": bool(unnumbered),
        "first": day(run.first),
        "last": day(run.last),
        "training_started": day(run.started) if run.started else None,
        "dates": f"uneven, {run.uneven}: these may be the dates of copies" if run.uneven else "",
        "fingerprint": content.fingerprint if content else None,
        "captions": [
            {"captions": _version(version), "certainty": match.certainty, "reason": match.reason}
            for version, match in placed
            if match.certainty in HELD
        ],
        "pictures": [
            {"pictures": one.path, "epoch": match.epoch, "certainty": match.certainty, "reason": match.reason}
            for one, links in matches
            for match in links
            if match.run == run.name and match.certainty in HELD
        ],
    }


def _fit(fit: Any) -> dict[str, Any]:
    return {
        "base": label(fit.family),
        "rank": fit.rank,
        "bits": fit.bits,
        "text_encoders": fit.text_encoders,
        "tensor_bytes": fit.tensors,
    }


def _version(version: CaptionVersion) -> str:
    return version.path + (f"@{version.commit[:10]}" if version.commit else "")


def _captions(version: CaptionVersion, placed: dict[str, list[tuple[CaptionVersion, Match]]]) -> dict[str, Any]:
    return {
        "captions": _version(version),
        "files": version.count,
        "dated": day(version.modified),
        "sha256": version.captions,
        "against_runs": {
            run: {"placed": match.when, "certainty": match.certainty, "reason": match.reason}
            for run, versions in placed.items()
            for other, match in versions
            if other is version
        },
    }


def _pictures(one: PictureSet, links: list[Match]) -> dict[str, Any]:
    return {
        "pictures": one.path,
        "count": one.count,
        "dated": day(one.there_since),
        "epoch_by_name": one.epoch,
        "drawn_by": [vars(drawn) for drawn in one.drawn],
        "runs": [vars(match) for match in links],
    }


def _belongs(one: PictureSet, links: Iterable[Match]) -> bool:
    """Whether anything that is here, the untouched base counting too, may have drawn the pictures."""
    by_base = bool(one.drawn) and all(drawn.checkpoint == "base" for drawn in one.drawn)
    return by_base or any(match.certainty in HELD for match in links)


def _drawn_by(run: Run, matches: Iterable[tuple[PictureSet, list[Match]]]) -> bool:
    return any(match.run == run.name and match.certainty in HELD for _, links in matches for match in links)


def _trained(version: CaptionVersion, placed: dict[str, list[tuple[CaptionVersion, Match]]]) -> bool:
    return any(
        other is version and match.certainty in ("record", "likely")
        for versions in placed.values()
        for other, match in versions
    )
