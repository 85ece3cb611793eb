"""The page that `sprite-lora review` serves: one file, with nothing from outside."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from sprite_lora.results.rating_page import rating_script, rating_style

FOLDER = Path(__file__).parent


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


SCRIPT = rating_script() + (FOLDER / "page.js").read_text(encoding="utf-8")
STYLE = (FOLDER / "page.css").read_text(encoding="utf-8") + rating_style()

CONTENT_POLICY = (
    f"default-src 'none'; script-src {_digest(SCRIPT)}; style-src {_digest(STYLE)}; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def page() -> str:
    """The whole page. It holds no value of the run."""
    text = (FOLDER / "page.html").read_text(encoding="utf-8")
    return text.replace("{style}", STYLE).replace("{script}", SCRIPT)
