"""Where what is left says two things at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sprite_lora.bases.registry import label
from sprite_lora.core.precision import name_of
from tools.audit.evidence import CaptionVersion, Checkpoint, PictureSet, claims, families
from tools.audit.matching import Match, day, fits_name
from tools.audit.runs import Run


@dataclass(frozen=True)
class Contradiction:
    """One of them, in words."""

    kind: str
    subject: str
    message: str


def of_pictures(pictures: PictureSet, matches: Sequence[Match], runs: Sequence[Run]) -> Iterator[Contradiction]:
    """Pictures whose record and folder disagree, and those that are older than every run that their name suggests."""
    recorded = [match for match in matches if match.certainty == "record"]
    folder = PurePosixPath(pictures.path).name
    for match in recorded:
        if pictures.epoch is not None and match.epoch not in (None, pictures.epoch):
            message = f"{folder} says epoch {pictures.epoch}, but {match.reason}, of epoch {match.epoch}"
            yield Contradiction("folder against record", pictures.path, message)
    named = [run.name for run in runs if fits_name(pictures.name, run)]
    if recorded and named and not {match.run for match in recorded} & set(named):
        message = f"{folder} is named like {', '.join(named)}, but {recorded[0].reason}, of {recorded[0].run}"
        yield Contradiction("folder against record", pictures.path, message)
    if any(match.certainty != "ruled out" for match in matches):
        return
    for match in matches:
        run = next(run for run in runs if run.name == match.run)
        message = (
            f"{PurePosixPath(pictures.path).name} is filed under {run.name} by its name, but {_older(match.reason)}"
        )
        if run.started is None and run.uneven:
            message += f" (dates of that run's files are uneven, {run.uneven}: they may be those of copies)"
        yield Contradiction("picture older than its checkpoint", pictures.path, message)


def _older(reason: str) -> str:
    return reason.removeprefix("the name fits, but ")


def of_captions(run: Run, placed: Sequence[tuple[CaptionVersion, Match]]) -> Iterator[Contradiction]:
    """Caption folders that the run says it was trained from, and that have changed since."""
    content = run.read.content if run.read else None
    if content is None:
        return
    for folder in content.folders:
        versions = [
            (version, match)
            for version, match in placed
            if PurePosixPath(version.path).name == folder and version.modified
        ]
        if not versions or any(match.certainty == "record" for _, match in versions):
            continue
        version, match = max(versions, key=lambda pair: str(pair[0].modified))
        if match.certainty in ("ruled out", "unlikely"):
            since = run.started or run.first
            yield Contradiction(
                "captions changed after training",
                version.path,
                f"{run.name} says it was trained from {folder}; the captions there are of {day(version.modified)}, "
                f"the run of {day(since)}"
                + (", and they are not those it records" if match.certainty == "ruled out" else ""),
            )


def of_names(runs: Sequence[Run]) -> Iterator[Contradiction]:
    """One name over different contents, and names that claim what the content denies."""
    by_name: dict[tuple[str, str], list[tuple[Run, Checkpoint]]] = {}
    for run in runs:
        for one in run.checkpoints:
            by_name.setdefault((PurePosixPath(one.path).parent.as_posix(), one.stem), []).append((run, one))
            yield from _claims(run, one)
    for (_, stem), members in by_name.items():
        contents = {run.basis + run.name + str(id(run)): one for run, one in members if one.content}
        if len(contents) > 1:
            yield Contradiction("one name, different runs", stem, _differing(stem, list(contents.values())))
    for run in runs:
        if run.read is None and len(run.checkpoints) > 1 and not run.fits and _sized(run):
            sizes = ", ".join(sorted({one.size.text for one in run.checkpoints}))
            yield Contradiction(
                "one name, different sizes", run.name, f"no one LoRA of {run.name} has all these sizes: {sizes}"
            )


def _sized(run: Run) -> bool:
    return all(one.size.high < 2**62 for one in run.checkpoints)


def _differing(stem: str, files: list[Checkpoint]) -> str:
    known = [one.content for one in files if one.content]
    differences = []
    for what, values in (
        ("bases", {content.family for content in known}),
        ("ranks", {str(content.ranks) for content in known}),
        ("precisions", {content.precision for content in known}),
        ("settings", {content.settings for content in known}),
        ("captions", {content.captions or content.tags for content in known}),
    ):
        if len(values) > 1:
            differences.append(what)
    difference = f"different {', '.join(differences)}" if differences else "equal settings, trained more than once"
    paths = ", ".join(PurePosixPath(one.path).name for one in files)
    return f"files named {stem} are of {len(files)} runs with {difference}: {paths}"


def _claims(run: Run, one: Checkpoint) -> Iterator[Contradiction]:
    name, content = PurePosixPath(one.path).name, one.content
    claimed, where = families(one.stem), "name against content"
    possible = run.families - {"unknown"}
    if claimed and possible and not claimed & possible:
        what = "its tensors" if content else f"its size of {one.size.text}"
        yield Contradiction(
            "name against content", one.path, f"{name} claims {_list(claimed)}, {what} say {_list(possible)}"
        )
    if content is None:
        return
    said = claims(one.stem)
    if "rank" in said and len(content.ranks) == 1 and said["rank"] != str(content.ranks[0]):
        yield Contradiction(
            "name against content", one.path, f"{name} claims rank {said['rank']}, its tensors have {content.ranks[0]}"
        )
    precision = name_of(content.precision)
    if "precision" in said and "+" not in precision and said["precision"] != precision:
        yield Contradiction(
            "name against content", one.path, f"{name} claims {said['precision']}, its tensors are {precision}"
        )
    if None not in (one.named_epoch, content.epoch) and one.named_epoch != content.epoch:
        yield Contradiction(
            "name against content",
            one.path,
            f"{name} is numbered {one.named_epoch}, its content says {content.epoch}",
        )
    if content.output_name and content.output_name != one.stem:
        yield Contradiction(where, one.path, f"{name} was saved as {content.output_name}: renamed since")  # fmt: skip


def _list(names: frozenset[str]) -> str:
    return " or ".join(sorted(map(label, names)))
