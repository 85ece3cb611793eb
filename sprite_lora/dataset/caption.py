"""A caption: one line of comma tags, as kohya reads it, and what its tags say about colours."""

import re
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.art.colour import canonical_name
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded
from sprite_lora.core.plain_text import CONTROL

HEX_CODE = re.compile(r"#[0-9a-fA-F]{6}(?![0-9a-zA-Z])")
FEATURE = re.compile(r"(?<![^,()#])([^,()#]*(?:\([^()#]*\)[^,()#]*)*)\(\s*(#[0-9a-fA-F]{6})\s*\)")
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
LINE_END = re.compile(r"\r\n|\r|\n")
BACKGROUND = re.compile(r"\bbackground\b", re.IGNORECASE)
BACKGROUND_LAST = re.compile(r"\bbackground\s*(\([^)]*\)\s*)?$", re.IGNORECASE)

MAX_BYTES = 8 * 1024
"""Of a caption file. Training reads at most 225 CLIP tokens, none of which stands for more than 32 bytes."""


@dataclass(frozen=True)
class Feature:
    """A phrase followed by its colour code in brackets: `hair (#03dc73)`."""

    phrase: str
    code: str
    start: int
    end: int


def first_line(text: str) -> str:
    """What kohya trains on: the first line, stripped (sd-scripts `read_caption`), less a byte order mark."""
    return LINE_END.split(text.removeprefix("\ufeff"), maxsplit=1)[0].strip()


def control_character(caption: str) -> str | None:
    """The first control character that is no tab, None where there is none. sd-scripts hands them to the tokenizer."""
    found = CONTROL.search(caption)
    return found[0] if found else None


def read_caption_file(path: Path) -> str:
    """The `first_line` of a file. Raises SpriteLoraError for its size, encoding or control characters."""
    try:
        caption = first_line(read_bounded(path, MAX_BYTES).decode("utf-8"))
    except UnicodeDecodeError:
        raise SpriteLoraError(f"{path}: not UTF-8", "save it as UTF-8") from None
    if control := control_character(caption):
        raise SpriteLoraError(f"{path}: holds the control character U+{ord(control):04X}", "take it out")
    return caption


def tags(caption: str) -> list[str]:
    """The comma tags, stripped, empty ones left out: kohya splits at every comma, inside brackets too."""
    return [tag for part in caption.split(",") if (tag := part.strip())]


def words(text: str) -> list[str]:
    """Lower-case words of letters; digits and codes left out."""
    return WORD.findall(re.sub(r"#\w+", " ", text.lower()))


def hex_codes(caption: str) -> list[str]:
    """All `#rrggbb` codes in order, lower case, with repetitions."""
    return [code.lower() for code in HEX_CODE.findall(caption)]


def features(caption: str) -> list[Feature]:
    """The phrases that carry a colour code in brackets, in order. `start` and `end` span phrase and brackets."""
    found = []
    for match in FEATURE.finditer(caption):
        phrase = match[1].strip()
        if phrase:
            start = match.start() + len(match[1]) - len(match[1].lstrip())
            found.append(Feature(phrase, match[2].lower(), start, match.end()))
    return found


def colour_words(phrase: str) -> list[str]:
    """The colour words of a phrase in order, under the names that colour.NAMED holds: `light grey blue` gives two."""
    return [name for word in words(phrase.replace("-", " ")) if (name := canonical_name(word))]


def background_tag(caption: str) -> str | None:
    """The tag that names the background: the first that ends in the word (a code aside), else the first that has it.

    None where none does.
    """
    named = [tag for tag in tags(caption) if BACKGROUND.search(tag)]
    ends = (tag for tag in named if BACKGROUND_LAST.search(tag))
    return next(ends, named[0] if named else None)


def background_words(caption: str) -> list[str]:
    """All colour words before `background` in the first tag that names one: `green to teal gradient background`."""
    tag = background_tag(caption)
    return colour_words(BACKGROUND.split(tag)[0]) if tag else []


def background_word(caption: str) -> str | None:
    """The colour word that stands nearest before `background`, None where the caption gives none."""
    found = background_words(caption)
    return found[-1] if found else None
