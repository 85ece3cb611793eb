"""What both pages that people rate on have in common: `sprite-lora review` serves one, the report is the other."""

from pathlib import Path

SCRIPT = "rating.js"
STYLE = "rating.css"


def rating_script() -> str:
    """The script: two pictures side by side, keys, buttons, progress."""
    return (Path(__file__).parent / SCRIPT).read_text(encoding="utf-8")


def rating_style() -> str:
    """Its styles; colours are the page's own variables."""
    return (Path(__file__).parent / STYLE).read_text(encoding="utf-8")
