"""The description of a file as a person reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from sprite_lora.core.plain_text import plain

SOURCES = {"given": "recorded", "default": "not given: trainer's default", "tensors": "the tensors"}


LONGEST = 2000
"""Characters of a value that are shown."""


def text_of(value: Any) -> str:
    """A value in words, as a file could not misuse them."""
    text = "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return plain(text[:LONGEST])


def show(found: Mapping[str, Any], console: Console, *, settings: bool = True) -> None:
    """Print one file's description."""
    console.print()
    console.print(text_of(found["file"]), style="bold")
    table = Table.grid(padding=(0, 2))
    for name, value in _lines(found):
        table.add_row(name, text_of(value))
    console.print(table)
    if found.get("groups"):
        _show_groups(found["groups"], console)
    if settings and found.get("settings"):
        _show_settings(found["settings"], console)
    for problem in found.get("problems", ()):
        console.print(f"  ! {text_of(problem)}", style="red")


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "kind", found["kind"] + (f", {found['layout']}" if found.get("layout") else "")
    if found["kind"] == "LoRA":
        yield from _adapter_lines(found)
    elif found["kind"] == "picture":
        yield from _picture_lines(found)
    elif base := found.get("base"):
        yield "base", f"{base['label']} ({base['basis']})"
        for key in ("pipeline", "prediction_type", "precision", "parameters"):
            if found.get(key):
                yield key.replace("_", " "), found[key]
    for note in found.get("notes", ()):
        yield "note", note
    for name, entry in found.get("hashes", {}).items():
        verdict = {True: "stated and recomputed", False: "STATED DIFFERENTLY", None: "stated"}[entry["agrees"]]
        yield name, f"{entry['computed'] or entry['stated']} ({verdict if entry['stated'] else 'computed'})"


def _adapter_lines(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    base, alpha = found["base"], found["alpha"]
    yield "base", f"{base['label']}: {base['basis']}" + (f"; states {base['stated']}" if base["stated"] else "")
    if base["name"]:
        yield "trained on", f"{base['name']} (hash {base['hash'] or 'not stated'})"
    yield "algorithm", ", ".join(f"{name} in {count} modules" for name, count in found["algorithms"].items())
    yield "rank", found["rank"] if found["rank"] is not None else "not one: see below"
    yield "alpha", f"{text_of(alpha['value'])} ({alpha['source']})"
    yield "precision", found["precision"]
    yield "parameters", f"{found['parameters']:,} in {found['modules']} modules, {found['size']:,} bytes"
    trains = found["trains"]
    parts = ["U-Net"] * trains["unet"] + trains["text_encoders"] + trains["other"]
    yield "trains", ", ".join(parts) + (", with 3x3 convolutions" if trains["convolutions"] else ", no 3x3 convolution")
    if found["epoch"] is not None or found["step"] is not None:
        yield "trained for", f"epoch {text_of(found['epoch'])}, step {text_of(found['step'])}"
    if data := found["dataset"]:
        folders = ", ".join(
            f"{name} ({f['img_count']} pictures, {f['n_repeats']} repeats)" for name, f in data["folders"].items()
        )
        yield "dataset", folders or "not stated"
        tags = ", ".join(f"{tag} ({count})" for tag, count in data["most_frequent_tags"].items())
        yield "tags", f"{data['distinct_tags']} different; most frequent: {tags}"
    if found["settings"] is None and found["record"] is None:
        yield "settings", "none in the file: its metadata holds nothing of the training"
    if record := found["record"]:
        yield "our record", f"fingerprint {record.get('fingerprint')}, captions {record.get('captions')}"  # fmt: skip


def _picture_lines(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "size", f"{found['width']}x{found['height']} {found['mode']}"
    for source in ("record", "web_ui"):
        for key, value in (found[source] or {}).items():
            yield f"{source.replace('_', ' ')}: {key}", value


def _show_groups(groups: list[Mapping[str, Any]], console: Console) -> None:
    table = Table("component", "kind", "modules", "rank", "alpha", "precision", "parameters", box=None, padding=(0, 2))
    for group in groups:
        cells = [group["component"], group["kind"], str(group["modules"]), _several(group["ranks"])]
        alphas = "not read" if group["alphas"] is None else _several(group["alphas"])
        table.add_row(*map(text_of, [*cells, alphas, group["precision"], f"{group['parameters']:,}"]))
    console.print(table)


def _several(counts: Mapping[str, int]) -> str:
    return (
        next(iter(counts)) if len(counts) == 1 else ", ".join(f"{value} ({count}x)" for value, count in counts.items())
    )


def _show_settings(settings: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    table = Table("setting", "in effect", "from", box=None, padding=(0, 2))
    unknown = [name for name, entry in settings.items() if entry["state"] == "unknown"]
    for name, entry in settings.items():
        if entry["state"] != "unknown":
            source = SOURCES[entry["state"]]
            value = "off" if entry["value"] is None else text_of(entry["value"])
            table.add_row(name, value, source + (f"; {entry['note']}" if entry["note"] else ""))
    console.print(table)
    if unknown:
        console.print("not recorded in the file: " + ", ".join(unknown))
