"""The inventory as a person reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from sprite_lora.bases.registry import labels
from sprite_lora.core.plain_text import plain

SHOWN = 40
"""Rows of pictures and captions without a contradiction that are shown before the rest is counted."""


def ranges(numbers: Sequence[int]) -> str:
    """1-3, 5, 9."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print the inventory."""
    _show_runs(found["runs"], console)
    _show_sizes(found["runs"], console)
    _show_captions(found, console)
    _show_pictures(found["pictures"], console)
    _heading("belongs to nothing that is here", console)
    for kind, names in found["orphans"].items():
        _line(console, f"{kind}: {', '.join(names[:SHOWN]) or 'none'}" + _more(len(names)))
    _heading(f"contradictions: {len(found['contradictions'])}", console)
    for one in found["contradictions"]:
        _line(console, f"{one['kind']}: {one['message']}", "red")
    if found["unreadable"]:
        _heading(f"files that could not be read: {len(found['unreadable'])}", console)
        for one in found["unreadable"]:
            _line(console, f"{one['file']}: {one['problem']}", "red")


def _cell(value: Any) -> str:
    return "-" if value in (None, "", []) else plain(str(value))


def _heading(text: str, console: Console) -> None:
    console.print()
    console.print(plain(text), style="bold")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print("  " + plain(text), style=style, soft_wrap=True)


def _more(count: int) -> str:
    return f" and {count - SHOWN} more" if count > SHOWN else ""


def _show_runs(runs: Sequence[Mapping[str, Any]], console: Console) -> None:
    _heading(f"runs: {len(runs)}", console)
    table = Table("run", "by", "base", "rank", "precision", "epochs", "missing", "first file", "last file", box=None)
    for run in runs:
        epochs = ranges(run["epochs"]) + (" + last" if run["last_epoch_without_number"] else "")
        cells = [run["run"], run["grouped_by"]]
        cells += [run["base"] or "by size", run["rank"] or "by size", run["precision"] or "by size"]
        table.add_row(*map(_cell, [*cells, epochs, ranges(run["epochs_missing"]), run["first"], run["last"]]))
    console.print(table)
    for run in runs:
        if run["dates"]:
            _line(console, f"{run['run']}: dates {run['dates']}")


def _show_sizes(runs: Sequence[Mapping[str, Any]], console: Console) -> None:
    guessed = [run for run in runs if run["size_fits"] is not None]
    if not guessed:
        return
    _heading("what fits the size, where the files themselves are gone", console)
    by_size: dict[str, list[Mapping[str, Any]]] = {}
    for run in guessed:
        by_size.setdefault(run["size"], []).append(run)
    for size, members in by_size.items():
        fits = [
            f"{fit['base']} rank {fit['rank']} {fit['bits']}-bit" + ("" if fit["text_encoders"] else " U-Net alone")
            for fit in members[0]["size_fits"]
        ]
        _line(console, f"{size}: {' | '.join(fits) or f'no LoRA over {labels()}'}")
        _line(console, f"      {', '.join(run['run'] for run in members)}")


def _show_captions(found: Mapping[str, Any], console: Console) -> None:
    if not found["captions"] or not found["runs"]:
        return
    _heading("captions of each run", console)
    for run in found["runs"]:
        sure = [one for one in run["captions"] if one["certainty"] in ("record", "likely")]
        older = len(run["captions"]) - len(sure)
        text = (
            ", ".join(f"{one['captions']} ({one['certainty']}: {one['reason']})" for one in sure) or "none that is here"
        )
        _line(console, f"{run['run']}: {text}" + (f"; {older} older could be" if older else ""))
    _heading("captions by date, against each run", console)
    for one in found["captions"]:
        places: dict[str, list[str]] = {}
        for name, match in one["against_runs"].items():
            places.setdefault(match["placed"] or "no date against", []).append(name)
        text = "; ".join(f"{place} {', '.join(names)}" for place, names in places.items())
        _line(console, f"{one['captions']} ({one['dated']}): {text}")


def _show_pictures(pictures: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not pictures:
        return
    _heading("pictures", console)
    for one in pictures[:SHOWN]:
        count = f"{one['count']} pictures, " if one["count"] else ""
        _line(console, f"{one['pictures']} ({count}{one['dated']})")
        for match in one["runs"]:
            epoch = f" epoch {match['epoch']}" if match["epoch"] else ""
            _line(console, f"    {match['certainty']}: {match['run']}{epoch}: {match['reason']}")
        if not one["runs"]:
            by_base = any(drawn["checkpoint"] == "base" for drawn in one["drawn_by"])
            _line(
                console,
                "    drawn by the untouched base" if by_base else "    nothing here is known to have drawn them",
            )
    if len(pictures) > SHOWN:
        _line(console, _more(len(pictures)))
