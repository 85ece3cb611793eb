"""The page: one section after the other, in one file that needs nothing from outside."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from sprite_lora.results.rating_page import rating_script, rating_style
from stages.report.drift import drift
from stages.report.epochs import epochs
from stages.report.facts import Facts
from stages.report.findings import findings
from stages.report.people import people
from stages.report.pictures import data_uri, encoded
from stages.report.record import record
from stages.report.scores import scores
from stages.report.teaching import teaching
from stages.report.training import training
from stages.report.verdict import verdict

TEMPLATES = Path(__file__).parent / "templates"

SECTIONS: dict[str, tuple[str, Callable[[Facts], object]]] = {
    "verdict": ("Verdict", verdict),
    "epochs": ("Epochs", epochs),
    "scores": ("Scores", scores),
    "people": ("People", people),
    "training": ("Training", training),
    "findings": ("Findings", findings),
    "teaching": ("The set", teaching),
    "drift": ("What changed", drift),
    "record": ("Record", record),
}
"""In the page's order: a section's anchor, its heading in the menu, and what it makes of the facts.

The template is templates/<anchor>.html, and finds what was made under the anchor's name.
"""


def page(facts: Facts, title: str) -> str:
    """The whole page. Equal facts give equal text; whatever comes from files is escaped."""
    # StrictUndefined: a name that a template misspells is an error, not a gap on the page.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = breakable
    own = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("viewer.js", "rater.js")]
    script = "\n".join([own[0], rating_script(), own[1]])
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        title=title,
        sections={anchor: heading for anchor, (heading, _) in SECTIONS.items()},
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8") + rating_style()),  # noqa: S704  our own files
        script=Markup(script),  # noqa: S704  our own files
        # The page's policy lets this one script run and loads nothing: markup that slipped in could do no harm.
        script_hash=Markup(f"sha256-{digest}"),  # noqa: S704  base64
        icon=data_uri(*encoded(Image.new("RGB", (2, 2), "#2f4bbd"))),
        **{anchor: build(facts) for anchor, (_, build) in SECTIONS.items()},
    )


def breakable(name: str) -> Markup:
    """A name that may go on in the next line behind each underscore."""
    return Markup("_<wbr>").join(name.split("_"))
