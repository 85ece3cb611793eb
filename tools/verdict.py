"""The selection as Markdown: which epoch, by how much, why. For a pull request, or the summary of a CI run."""

from html import escape

import click

from sprite_lora.core.plain_text import plain
from sprite_lora.results.selection import Selection


@click.command(help=__doc__)
@click.option("--page", metavar="URL", help="Where the report page is to be had.")
def command(page: str | None) -> None:
    print(verdict(Selection.read(), page))


def verdict(chosen: Selection, page: str | None = None) -> str:
    """Of reports/select.json; where no epoch is usable, that comes first."""
    epoch = f"{chosen.epoch}: {chosen.score:.2f} of 10"
    lines = [f"### Epoch {epoch}" if chosen.usable else f"### None is usable; least bad is epoch {epoch}", ""]
    lines += [f"- **against:** {safe(reason)}" for reason in chosen.reasons_against]
    lines += [""] if chosen.reasons_against else []
    lines += ["| | |", "|---|---|", f"| selected, epoch {chosen.epoch} | {chosen.score:.2f} |"]
    if chosen.base is not None and chosen.gain is not None:
        lines.append(f"| untouched base | {chosen.base:.2f} ({chosen.gain:+.2f}) |")
    if chosen.runner_up is not None and chosen.margin is not None:
        error = f", standard error {chosen.spread:.2f}" if chosen.spread is not None else ""
        lines.append(f"| margin over epoch {chosen.runner_up} | {chosen.margin:+.2f}{error} |")
    chance = chosen.chance(chosen.epoch)
    if chosen.runner_up is not None and chance is not None:
        lines.append(f"| chance that it is the best | {chance:.0%} |")
    lines += ["", *(f"- {safe(reason)}" for reason in chosen.reasons)]
    lines += [f"- **warning:** {safe(warning)}" for warning in chosen.warnings]
    lines += ["", f"`{safe(chosen.file)}`, tensors `{safe(chosen.model_hash)}`"]
    lines += ["", f"The pictures: [reports/report.html]({page})" if page else "The pictures: reports/report.html"]
    return "\n".join(lines)


def safe(text: str) -> str:
    """On one line, and without tags."""
    return escape(plain(text), quote=False)
