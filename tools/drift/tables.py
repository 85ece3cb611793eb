"""Changes as a person reads them: tables on a terminal, or Markdown for a pull request."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from sprite_lora.core.plain_text import plain
from sprite_lora.results.caption_changes import CaptionDrift, Cut, PromptDrift
from sprite_lora.results.changes import Change, Changes, Unknown

SHOWN = 120
"""Characters of a caption that are shown."""


def show(changes: Changes, console: Console) -> None:
    """Print the comparison."""
    console.print(f"{plain(changes.a)} -> {plain(changes.b)}", style="bold")
    if changes.changed:
        _table(changes.changed, changes, console)
    for title, lines in _sections(changes):
        console.print()
        console.print(title, style="bold")
        for line in lines:
            console.print(f"  {plain(line)}", soft_wrap=True)
    console.print()
    console.print(plain(changes.verdict), style="bold")


def _table(rows: Sequence[Change], changes: Changes, console: Console) -> None:
    table = Table("setting", plain(changes.a), plain(changes.b), "what it does", box=None, padding=(0, 1))
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            table.add_row(group, "", "", "", style="bold")
        effect = row.effect + (f"; {row.note}" if row.note else "")
        table.add_row(*map(plain, (f"  {row.name}", row.a, row.b, effect)))
    console.print(table)


def _sections(changes: Changes) -> Iterator[tuple[str, list[str]]]:
    yield "captions", list(_captions(changes.captions))
    yield "prompts", list(_prompts(changes.prompts))
    if changes.unknown:
        yield f"not known on a side: {len(changes.unknown)}", list(_unknown(changes.unknown))
    if changes.without_effect:
        yield (
            "different in words, not in effect",
            [
                f"{row.name}: {row.a} -> {row.b}" + (f" ({row.note})" if row.note else "")
                for row in changes.without_effect
            ],
        )
    if changes.others:
        yield "other stages", [f"{row.name}: {row.a} -> {row.b}" for row in changes.others]


def _unknown(rows: Sequence[Unknown]) -> Iterator[str]:
    """Those with something to say one by one; the rest by name, by the side that does not know them."""
    rest: dict[str, list[str]] = {}
    for row in rows:
        if row.a == row.b == "unknown":
            rest.setdefault("of both runs", []).append(row.name)
        elif "unknown" in (row.a, row.b):
            side, other = ("first", row.b) if row.a == "unknown" else ("second", row.a)
            default = other.endswith(" (not given)")
            shown = row.name if default else f"{row.name} ({other})"
            where = "; not given in the other, which took the default" if default else "; known of the other"
            rest.setdefault(f"of the {side} run{where}", []).append(shown)
        else:
            yield f"{row.name}: {row.a} -> {row.b}"
    for sides, names in rest.items():
        yield f"{sides}: {', '.join(names)}"


def _captions(drift: CaptionDrift) -> Iterator[str]:
    yield f"{drift.a} -> {drift.b}: {drift.answer} ({drift.reason})"
    if drift.changed is not None:
        counts = f"{drift.changed} changed, {drift.unchanged} unchanged, {drift.added} added, {drift.removed} removed"
        yield counts + (f"; colour codes {drift.hex_codes[0]} -> {drift.hex_codes[1]}" if drift.hex_codes else "")
    for side, cut in (("first", drift.cut_a), ("second", drift.cut_b)):
        if cut is not None:
            yield f"{side} run: {_cut(cut)}"
    if drift.tags_gone:
        yield "tags gone: " + ", ".join(f"{tag} ({count})" for tag, count in drift.tags_gone.items())
    if drift.tags_new:
        yield "tags new: " + ", ".join(f"{tag} ({count})" for tag, count in drift.tags_new.items())
    for change in drift.largest:
        yield f"{change.stem} (similarity {change.similarity:g}):"
        pairs = enumerate(zip(change.a, change.b, strict=False))
        start = next((at for at, (one, other) in pairs if one != other), min(len(change.a), len(change.b)))
        yield f"  before: {_short(change.a, start)}"
        yield f"  after: {_short(change.b, start)}"


def _cut(cut: Cut) -> str:
    length = f"{cut.tokens_median:g} tokens in the median, {cut.tokens_most} at most"
    if cut.cut is None or cut.limit is None:
        return f"{length}; how many were cut is not known"
    return f"{length}; {cut.cut} of {cut.captions} captions cut at {cut.limit}"


def _short(text: str, start: int) -> str:
    """The text from a little before `start`, where the two versions part."""
    begin = max(0, start - 20)
    shown = ("..." if begin else "") + text[begin:]
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."


def _prompts(drift: PromptDrift) -> Iterator[str]:
    yield f"{drift.answer}: {drift.reason}"
    for side, texts in (("first", drift.a_alone), ("second", drift.b_alone)):
        for text in texts:
            yield f"{side} alone: {text}"
    yield from drift.notes


def markdown(changes: Changes) -> str:
    """The same as Markdown."""
    lines = [f"### {_cell(changes.a)} -> {_cell(changes.b)}", "", f"**{_cell(changes.verdict)}**", ""]
    if changes.changed:
        lines += [f"| | setting | {_cell(changes.a)} | {_cell(changes.b)} | what it does |", "|---|---|---|---|---|"]
        for row in changes.changed:
            effect = row.effect + (f"; {row.note}" if row.note else "")
            lines.append("| " + " | ".join(map(_cell, (row.group, f"`{row.name}`", row.a, row.b, effect))) + " |")
        lines.append("")
    for title, listed in _sections(changes):
        lines += [f"**{title}**", "", *(f"- {_cell(line.strip())}" for line in listed), ""]
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return plain(text).replace("|", r"\|").replace("<", "&lt;")
